/** Benchmarks of kopr: `node bench/main.ts` fails when a figure has become much worse than before, or misses its target. */
import { readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock, toTimestamp } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import { queueFigures } from './builds/figures.ts';
import { runSoak, verdictOf } from './builds/soak.ts';
import { growth } from './growth.ts';
import { reference } from './measure.ts';
import { stopOnSignals } from './opened.ts';
import type { Part } from './parts.ts';
import { PARTS } from './parts.ts';
import type { Figure, Ranges } from './ranges.ts';
import { better, judge, ranges, round, table } from './ranges.ts';

const HELP = `Usage: node bench/main.ts [--only PART,PART] [--quick] [--calibrate]
       node bench/main.ts --queued COUNT,COUNT
       node bench/main.ts --soak MINUTES [--quick]

Measures, on a real kube-apiserver and etcd where nothing else is said:

${PARTS.map(({ name, what }) => `  ${name.padEnd(10)} ${what}`).join('\n')}

All of it takes about 25 minutes on two cores, 75 at most. Fails when a figure misses its target, or is more than a
fifth worse than in bench/ranges.json (twice as bad, where it depends on the rest of the machine).

  --only       these parts alone
  --quick      a tenth of the builds of the parts builds and queue; targets are for all of them
  --calibrate  write what is measured into bench/ranges.json instead; do that on a quiet machine
  --queued     the part queue alone with so many Builds: 25,000 take ten minutes
  --soak       10,000 Builds queued (1,000 with --quick) and churn for so long: does the operator's memory grow? What has
               a bound fills up to it in the first 20 minutes: an hour tells, a few minutes do not
`;

/** A part that was not good enough is measured again once, unless the whole has taken so long already. */
const LONG_MS = 180_000;
const FILE = join(import.meta.dirname, 'ranges.json');

const OPTIONS = {
  help: { type: 'boolean' },
  only: { type: 'string' },
  quick: { type: 'boolean' },
  calibrate: { type: 'boolean' },
  queued: { type: 'string' },
  soak: { type: 'string' },
} as const;

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  const { help, only, quick = false, calibrate = false, queued, soak: minutes } = values;
  if (help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (minutes !== undefined) return soak(Number(minutes), quick);
  const parts = queued === undefined ? chosen(only) : [queueOf(queued)];
  const known = ranges.parse(JSON.parse(await readFile(FILE, 'utf8')));
  return calibrate ? calibrateWith(parts, known, quick) : compare(parts, known, quick);
}

function chosen(only: string | undefined): readonly Part[] {
  if (only === undefined) return PARTS;
  return only.split(',').map((name) => {
    const part = PARTS.find((each) => each.name === name);
    if (part !== undefined) return part;
    throw new Error(`there is no part "${name}"; there are ${PARTS.map((each) => each.name).join(', ')}`);
  });
}

function queueOf(queued: string): Part {
  const levels = queued.split(',').map(Number);
  const grows = levels.every((level, index) => Number.isInteger(level) && level > (levels[index - 1] ?? 0));
  if (!grows) throw new Error(`--queued needs numbers of Builds, each larger than the one before, not "${queued}"`);
  return { name: 'queue', what: `${queued} Builds queued`, measure: () => queueFigures(levels) };
}

async function compare(parts: readonly Part[], known: Ranges, quick: boolean): Promise<number> {
  const started = performance.now();
  const figures: Figure[] = [];
  let referenceMs = reference();
  for (const part of parts) {
    let fresh = await measured(part, quick);
    referenceMs = Math.min(referenceMs, reference());
    const isGood = judge(fresh, known, referenceMs).every(({ good }) => good);
    if (part.again && !isGood && performance.now() - started < LONG_MS)
      fresh = better(fresh, await measured(part, quick));
    figures.push(...fresh);
  }
  referenceMs = Math.min(referenceMs, reference());
  const verdicts = judge(figures, known, referenceMs);
  const slower = round(Math.max(1, referenceMs / known.calibration.referenceMs));
  const { date, machine } = known.calibration;
  const seconds = Math.round((performance.now() - started) / 1000);
  process.stdout.write(`\n${[table(verdicts), growth(figures)].filter((text) => text !== '').join('\n\n')}\n\n`);
  process.stdout.write(
    `limits of ${date}, ${machine}; for the reference this machine needs ${slower} times as long; load ${load()}; took ${seconds} s\n`,
  );
  return verdicts.every(({ good }) => good) ? 0 : 1;
}

async function measured(part: Part, quick: boolean): Promise<Figure[]> {
  const started = performance.now();
  const before = load();
  const figures = await part.measure(quick);
  const seconds = Math.round((performance.now() - started) / 1000);
  process.stderr.write(
    `bench: ${part.name} took ${seconds} s; load of the machine ${before} before, ${load()} after\n`,
  );
  return figures;
}

/** Of the last minute, the benchmark included. */
function load(): number {
  return round(loadavg()[0] ?? 0);
}

async function calibrateWith(parts: readonly Part[], known: Ranges, quick: boolean): Promise<number> {
  let referenceMs = reference();
  const figures: Figure[] = [];
  for (const part of parts) {
    figures.push(...(await measured(part, quick)));
    referenceMs = Math.min(referenceMs, reference());
  }
  const [cpu] = cpus();
  const fresh = Object.fromEntries(figures.map(({ name, value }) => [name, round(value)]));
  const content: Ranges = {
    calibration: {
      date: toTimestamp(systemClock.now()).slice(0, 10),
      node: process.version,
      machine: `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}`,
      referenceMs: round(referenceMs),
    },
    figures: parts.length === PARTS.length ? fresh : { ...known.figures, ...fresh },
  };
  await writeFile(FILE, `${JSON.stringify(content, null, 2)}\n`);
  process.stdout.write(`${JSON.stringify(content, null, 2)}\n`);
  return 0;
}

const VERDICTS = {
  grows: 'the memory of the operator grows',
  unclear: 'whether the memory of the operator grows cannot be told: let it run for longer',
  steady: 'the memory of the operator does not grow',
};

async function soak(minutes: number, quick: boolean): Promise<number> {
  if (!(minutes > 0)) throw new Error('--soak needs a number of minutes');
  const report = (line: string): void => void process.stdout.write(`${line}\n`);
  const { rss, heap, peak } = await runSoak(minutes, quick ? 1_000 : 10_000, report);
  report(`resident, by a line through the samples: ${round(rss.perHour)} ± ${round(rss.error)} MB an hour`);
  report(
    `heap in use, likewise: ${round(heap.perHour)} ± ${round(heap.error)} MB an hour; at most ${round(peak)} MB resident`,
  );
  const verdict = verdictOf(heap);
  report(VERDICTS[verdict]);
  return verdict !== 'steady' || peak > 500 ? 1 : 0;
}

stopOnSignals();
main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`bench: ${errorMessage(error)}\n`);
    process.exitCode = 1;
  },
);
