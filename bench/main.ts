/** Benchmarks of kopr: `node bench/main.ts` fails when a figure has become more than a fifth worse, or misses a target. */
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { systemClock, toTimestamp } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import { dispatchFigures } from './dispatch.ts';
import { reference } from './measure.ts';
import type { Figure, Ranges } from './ranges.ts';
import { judge, ranges, round, table } from './ranges.ts';
import { schedulerFigures } from './scheduler.ts';

const HELP = `Usage: node bench/main.ts [--calibrate]

Measures the decisions of the scheduler with 10,000 and 50,000 waiting stages, and its work against a real API server.
Fails when a figure is more than a fifth worse than in bench/ranges.json, or misses its target.

  --calibrate  write what is measured into bench/ranges.json instead; do that on a quiet machine
`;

const FILE = join(import.meta.dirname, 'ranges.json');

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return 0;
  }
  const unknown = args.find((arg) => arg !== '--calibrate');
  if (unknown !== undefined) {
    process.stderr.write(`bench: "${unknown}" is not known; see --help\n`);
    return 2;
  }
  const started = performance.now();
  const before = reference();
  const figures = schedulerFigures();
  // The slower of two moments: what runs beside the benchmark comes and goes.
  const referenceMs = Math.max(before, reference());
  figures.push(...(await dispatchFigures()));
  if (args.includes('--calibrate')) {
    await calibrate(figures, referenceMs);
    return 0;
  }
  const known = ranges.parse(JSON.parse(await readFile(FILE, 'utf8')));
  const verdicts = judge(figures, known, referenceMs);
  const factor = Math.max(1, referenceMs / known.calibration.referenceMs);
  process.stdout.write(
    `${table(verdicts)}\n\nlimits of ${known.calibration.date} on ${known.calibration.machine}; ` +
      `this machine needs ${round(factor)} times as long for the reference; took ${Math.round((performance.now() - started) / 1000)} s\n`,
  );
  return verdicts.every(({ good }) => good) ? 0 : 1;
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
    figures: Object.fromEntries(figures.map(({ name, value }) => [name, round(value)])),
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
