import { defineConfig } from 'vitest/config';

const notOurs = ['node_modules/**', 'dist/**'];
/** They need Helm, which comes with the embedded cluster. */
const chart = ['charts/{chart,distgit,facade,monitoring,network,pods,resalloc}.test.ts'];
/** They run for long: whole processes that are killed, chroots, clones over HTTP. */
const processes = [
  'builder/pod.test.ts',
  'builder/engines/*.test.ts',
  'builder/machine/{build,far-side,mock,reach}.test.ts',
  'builder/fetch/{fetch,distgit}.test.ts',
  'builder/sources/hostile-spec.test.ts',
  'builder/sources/git.test.ts',
  'services/*/{chaos,crash,main,keygen,service}.test.ts',
  'services/publisher/uploads/store.test.ts',
  'api/db/{explain,history,outage}.test.ts',
  'test/live-logs.test.ts',
];
const machines = ['test/e2e/machines*.test.ts'];
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // Long, for a machine that does other things as well: what hangs is found even so.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...notOurs, ...chart, ...processes, 'test/e2e/**', '**/*.api.test.ts'],
        },
      },
      { extends: true, test: { name: 'process', include: processes, testTimeout: 120_000 } },
      {
        // Against a real kube-apiserver, one for all files: started when the first of them is to run.
        extends: true,
        test: {
          name: 'api',
          include: ['**/*.api.test.ts'],
          exclude: notOurs,
          globalSetup: ['operator/testing/global-setup.ts'],
          testTimeout: 60_000,
        },
      },
      { extends: true, test: { name: 'chart', include: chart, testTimeout: 60_000 } },
      {
        // Against kopr in a cluster (`make deploy`). Files run one after the other: two cores build packages as well.
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: [...notOurs, ...machines],
          fileParallelism: false,
          testTimeout: 420_000,
          hookTimeout: 420_000,
        },
      },
      {
        // The same with virtual machines, which emulated processors make slow.
        extends: true,
        test: {
          name: 'machines',
          include: machines,
          fileParallelism: false,
          testTimeout: 900_000,
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
