/** Runs the gates of kopr one after the other and adds up what they say: `node test/run.ts all|verify|lint|e2e|machines`. */
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { say, step } from '../deploy/progress.ts';
import { CommandError, lastLine, ROOT, run } from '../deploy/run.ts';

const HELP = `Usage: node test/run.ts GATES

  all      everything
  verify   types, lint, drift of generated files, unit tests
  lint     linters alone
  e2e      install kopr into the cluster and test it there
  machines the same, but only builds in virtual machines

All that is about the embedded cluster itself is left out where another one is used.
`;

interface Count {
  passed: number;
  failed: number;
  /** What failed, a line each: the log of a long run is often read from its end alone. */
  failures?: string[];
}

interface Gate {
  name: string;
  run: () => Promise<Count>;
}

const BIN = join(ROOT, 'node_modules', '.bin');
const VITEST = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
const ONE: Count = { passed: 1, failed: 0 };
const CLUSTER = join(ROOT, 'cluster', 'cluster.sh');
const LONG_MS = 3_600_000;

/** A command that is one test: it passes or fails. */
function command(name: string, program: string, args: string[]): Gate {
  return {
    name,
    run: async () => {
      await shown(run(program, args, { timeoutMs: LONG_MS }));
      return ONE;
    },
  };
}

/** Shows what a program says on standard output, whether it succeeds or not. */
async function shown(running: Promise<string>): Promise<void> {
  try {
    process.stderr.write(await running);
  } catch (error) {
    if (error instanceof CommandError) process.stderr.write(error.output);
    throw error;
  }
}

const report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  success: z.boolean(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(
        z.object({
          fullName: z.string(),
          ancestorTitles: z.array(z.string()),
          title: z.string(),
          status: z.string(),
          failureMessages: z.array(z.string()).nullish(),
        }),
      ),
    }),
  ),
});

type Report = z.infer<typeof report>;

/** A line for each test that failed, and for each file that broke outside its tests, with what it said first. */
function failuresOf({ testResults }: Report): string[] {
  return testResults.flatMap((file) => {
    const name = relative(ROOT, file.name);
    const failed = file.assertionResults.filter((test) => test.status === 'failed');
    if (failed.length === 0 && file.status === 'failed') return [`${name}: ${firstLine(file.message)}`];
    return failed.map((test) => `${name}: ${test.fullName}: ${firstLine(test.failureMessages?.at(-1))}`);
  });
}

function firstLine(message: string | undefined): string {
  return (message ?? '').split('\n', 1)[0]?.slice(0, 300) ?? '';
}

/** vitest says itself how many tests passed; a suite that breaks before its first test counts as a failure. */
async function vitestOnce(name: string, args: string[]): Promise<Report> {
  const file = join(tmpdir(), `kopr-vitest-${process.pid}-${name.replaceAll(' ', '-')}.json`);
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    // Failed tests are counted, not thrown.
    await shown(run(process.execPath, [VITEST, 'run', ...args, ...reporters], { timeoutMs: LONG_MS })).catch(
      () => undefined,
    );
    return report.parse(JSON.parse(await readFile(file, 'utf8')));
  } finally {
    await rm(file, { force: true });
  }
}

/** Which tests of a report to run once more, as arguments; undefined: none failed, or so many that it is no chance. */
type Repetition = (first: Report) => string[] | undefined;

/** More files than this do not fail by chance. */
const REPEATED_FILES = 3;

const filesThatFailed: Repetition = ({ testResults }) => {
  const failing = testResults.filter(({ status }) => status === 'failed').map((file) => relative(ROOT, file.name));
  return failing.length === 0 || failing.length > REPEATED_FILES ? undefined : failing;
};

/** Each is minutes long and stands by itself; its file would take longer than is left. */
const theTestThatFailed: Repetition = ({ testResults }) => {
  // A file may also have broken outside its tests.
  const [file, ...otherFiles] = testResults.filter(({ status }) => status === 'failed');
  const [test, ...otherTests] = file?.assertionResults.filter(({ status }) => status === 'failed') ?? [];
  if (file === undefined || test === undefined || otherFiles.length + otherTests.length > 0) return undefined;
  const name = [...test.ancestorTitles, test.title].join(' > ');
  return [relative(ROOT, file.name), '--testNamePattern', `^${RegExp.escape(name)}$`];
};

/**
 * What failed is run once more by itself, if it is little: thousands of tests of whole processes share two cores with
 * whatever else the machine does. What passes then is named in the log, so that it gets mended.
 */
function vitest(name: string, args: string[], repetition: Repetition = filesThatFailed): Gate {
  return {
    name,
    run: async () => {
      const first = await vitestOnce(name, args);
      const again = repetition(first);
      if (again === undefined) return countOf(first);
      for (const failure of failuresOf(first)) say(`UNSTABLE? ${failure}`);
      const second = await vitestOnce(name, [...args, ...again]);
      // A run in which no test had that name would have succeeded, too.
      const passes = second.success && second.numPassedTests > 0;
      return passes ? { passed: first.numPassedTests + first.numFailedTests, failed: 0 } : countOf(first);
    },
  };
}

function countOf(result: Report): Count {
  const broken = !result.success && result.numFailedTests === 0 ? 1 : 0;
  return {
    passed: result.numPassedTests,
    failed: result.numFailedTests + broken,
    failures: failuresOf(result),
  };
}

const LINT: Gate[] = [
  command('types', join(BIN, 'tsc'), ['-p', '.', '--noEmit']),
  command('format and lint', join(BIN, 'biome'), ['check', '.']),
  command('type-aware lint', join(BIN, 'oxlint'), ['--type-aware', '--deny-warnings']),
  command('unused code and dependencies', join(BIN, 'knip'), []),
  { name: 'shell scripts', run: shellcheck },
];

const DRIFT: Gate[] = [
  command('drift of CRDs and reference', process.execPath, ['crds/generate.ts', '--check']),
  command('drift of the chart', process.execPath, ['charts/generate.ts', '--check']),
  command('drift of OpenAPI', process.execPath, ['api/openapi/generate.ts', '--check']),
  command('drift of the field tables', process.execPath, ['api/mapping/generate.ts', '--check']),
];

const UNIT = vitest('unit tests', ['--project', 'unit']);
const PROCESS = vitest('tests of whole processes', ['--project', 'process']);
const API = vitest('tests against a real API server', ['--project', 'api']);
const GO: Gate = command('tests of the cluster tool', CLUSTER, ['test']);
const CHART = vitest('chart tests', ['--project', 'chart']);
const DEPLOYMENT: Gate = {
  name: 'deployment',
  run: async () => {
    await shown(run(process.execPath, ['deploy/main.ts'], { timeoutMs: LONG_MS }));
    return ONE;
  },
};
const E2E = vitest('end-to-end tests', ['--project', 'e2e']);
const MACHINES = vitest('builds in virtual machines', ['--project', 'machines'], theTestThatFailed);

/** About the embedded cluster itself, in namespaces of their own beside the one that runs. */
const EMBEDDED: Gate[] = [
  command('the embedded cluster from nothing to nothing', CLUSTER, ['selftest']),
  command('the demo twice in a row', CLUSTER, ['isolated', join(ROOT, 'test', 'selftest', 'demo-twice.sh')]),
];

const GATES: Record<string, Gate[]> = {
  lint: LINT,
  verify: [...LINT, ...DRIFT, UNIT],
  e2e: [DEPLOYMENT, E2E, MACHINES],
  machines: [DEPLOYMENT, MACHINES],
  all: [...LINT, ...DRIFT, UNIT, PROCESS, GO, API, CHART, DEPLOYMENT, E2E, MACHINES],
};

/** Programs are checked with the parts that they source, which mean nothing by themselves. */
async function shellcheck(): Promise<Count> {
  const files = (await run('git', ['ls-files', '*.sh', '.ci/run'])).split('\n').filter((line) => line !== '');
  const programs: string[] = [];
  for (const file of files) {
    if ((await readFile(join(ROOT, file), 'utf8')).startsWith('#!')) programs.push(file);
  }
  await shown(run('shellcheck', ['--external-sources', '--check-sourced', '--source-path=SCRIPTDIR', ...programs]));
  return ONE;
}

async function isEmbedded(): Promise<boolean> {
  return lastLine(await run(CLUSTER, ['which'])) === 'embedded';
}

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { help: { type: 'boolean' } } });
  const name = positionals[0] ?? '';
  const named = GATES[name];
  if (values.help || named === undefined) {
    process.stdout.write(HELP);
    if (!values.help) process.exitCode = 2;
    return;
  }
  const gates = name === 'all' && (await isEmbedded()) ? [...named, ...EMBEDDED] : named;
  const total: Count = { passed: 0, failed: 0 };
  const failures: string[] = [];
  for (const gate of gates) {
    try {
      const count = await step(gate.name, gate.run);
      total.passed += count.passed;
      total.failed += count.failed;
      if (count.failed > 0) failures.push(`${gate.name}: ${count.failed} failed`, ...(count.failures ?? []));
    } catch (error) {
      total.failed += 1;
      failures.push(`${gate.name}: ${error instanceof Error ? error.message : String(error)}`);
      say(`${gate.name}: FAILED`);
    }
  }
  for (const failure of failures) say(`FAILED ${failure}`);
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
  if (total.failed > 0) process.exitCode = 1;
}

await main();
