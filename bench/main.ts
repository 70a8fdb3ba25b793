/** Benchmarks of kopr: `node bench/main.ts` fails when a figure has become more than a fifth worse, or misses a target. */
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { systemClock, toTimestamp } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import { apiFigures } from './api/figures.ts';
import { dispatchFigures } from './dispatch.ts';
import { reference } from './measure.ts';
import type { Figure, Ranges } from './ranges.ts';
import { better, judge, ranges, round, table } from './ranges.ts';
import { schedulerFigures } from './scheduler.ts';

const HELP = `Usage: node bench/main.ts [--calibrate | --api]

Measures the decisions of the scheduler with 10,000 and 50,000 waiting stages, its work against a real API server, and
the REST API in front of 5,000 projects and 100,000 builds.
Fails when a figure is more than a fifth worse than in bench/ranges.json, or misses its target.

  --calibrate  write what is measured into bench/ranges.json instead; do that on a quiet machine
  --api        the REST API alone
`;

/** After this long nothing is measured again: the whole is to end within four minutes. */
const LONG_MS = 120_000;
const FILE = join(import.meta.dirname, 'ranges.json');

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return 0;
  }
  const unknown = args.find((arg) => arg !== '--calibrate' && arg !== '--api');
  if (unknown !== undefined) {
    process.stderr.write(`bench: "${unknown}" is not known; see --help\n`);
    return 2;
  }
  if (args.includes('--calibrate')) {
    const before = reference();
    const figures = [...(await schedulerFigures()), ...(await dispatchFigures())];
    await calibrate(figures, Math.min(before, reference()));
    return 0;
  }
  return compare(args.includes('--api') ? [apiFigures] : PASSES);
}

/** Whatever is given twice is measured again when it was not good enough. */
const PASSES = [schedulerFigures, dispatchFigures, schedulerFigures, dispatchFigures, apiFigures];

/** Measures until everything is within its range, a few times at most: a neighbour may have been busy. */
async function compare(passes: readonly (() => Promise<Figure[]>)[]): Promise<number> {
  const started = performance.now();
  const known = ranges.parse(JSON.parse(await readFile(FILE, 'utf8')));
  let figures: Figure[] = [];
  let referenceMs = reference();
  for (const [index, pass] of passes.entries()) {
    const enough = passed(figures, known, referenceMs) || performance.now() - started > LONG_MS;
    const isAgain = passes.indexOf(pass) < index;
    const fresh = isAgain && enough ? [] : await pass();
    referenceMs = Math.min(referenceMs, reference());
    figures = isAgain ? better(figures, fresh) : [...figures, ...fresh];
  }
  const verdicts = judge(figures, known, referenceMs);
  const slower = Math.max(1, referenceMs / known.calibration.referenceMs);
  const { date, machine } = known.calibration;
  const seconds = Math.round((performance.now() - started) / 1000);
  process.stdout.write(
    `${table(verdicts)}\n\nlimits of ${date}, ${machine}; for the reference this machine needs ${round(slower)} times as long; took ${seconds} s\n`,
  );
  return verdicts.every(({ good }) => good) ? 0 : 1;
}

function passed(figures: readonly Figure[], known: Ranges, referenceMs: number): boolean {
  return judge(figures, known, referenceMs).every(({ good }) => good);
}

async function calibrate(figures: readonly Figure[], referenceMs: number): Promise<void> {
  const [cpu] = cpus();
  const content: Ranges = {
    calibration: {
      date: toTimestamp(systemClock.now()).slice(0, 10),
      node: process.version,
      machine: `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}`,
      referenceMs: round(referenceMs),
    },
    figures: Object.fromEntries(figures.filter(({ rough }) => !rough).map(({ name, value }) => [name, round(value)])),
  };
  await writeFile(FILE, `${JSON.stringify(content, null, 2)}\n`);
  process.stdout.write(`${JSON.stringify(content, null, 2)}\n`);
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`bench: ${errorMessage(error)}\n`);
    process.exitCode = 1;
  },
);
