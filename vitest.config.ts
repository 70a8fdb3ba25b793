import { defineConfig } from 'vitest/config';

const exclude = ['node_modules/**', 'dist/**', 'test/e2e/**'];

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'unit', include: ['**/*.test.ts'], exclude: [...exclude, '**/*.api.test.ts'] } },
      {
        // Against a real kube-apiserver, one for all files: started when the first of them is to run.
        extends: true,
        test: {
          name: 'api',
          include: ['**/*.api.test.ts'],
          exclude,
          globalSetup: ['operator/testing/global-setup.ts'],
          testTimeout: 60_000,
        },
      },
    ],
  },
});
