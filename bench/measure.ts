/**
 * How long things take on a machine that does other things too: in CPU time of this thread. For work that waits for
 * nothing that is its time on an idle machine; time for which others have the processor is not its fault.
 */

/** Rounds of which the best counts: neighbours on the machine can only make a round slower. */
const ROUNDS = 3;

/**
 * Milliseconds of CPU of one run: the best of three rounds of `times` runs, after as many to warm up. The system counts
 * in steps of some milliseconds, so that only a whole round can be measured.
 */
export function measure(times: number, work: () => void): number {
  round(times, work);
  return Math.min(...Array.from({ length: ROUNDS }, () => round(times, work)));
}

function round(times: number, work: () => void): number {
  const before = process.threadCpuUsage();
  for (let run = 0; run < times; run++) work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000 / times;
}

/** Milliseconds. */
export interface Sample {
  mean: number;
  p50: number;
  p99: number;
}

export function summarize(milliseconds: readonly number[]): Sample {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const mean = sorted.reduce((sum, each) => sum + each, 0) / Math.max(1, sorted.length);
  return { mean, p50: at(0.5), p99: at(0.99) };
}

/**
 * Milliseconds that a fixed piece of work of the scheduler's kind takes: walking over many parsed objects and counting
 * them in maps with text keys. Ranges are for the machine they were calibrated on; the ratio of its reference time to
 * this one's makes them fit this one, and this hour.
 */
export function reference(): number {
  const objects = Array.from({ length: 50_000 }, (_, index) => anObject(index));
  return measure(100, () => {
    const groups = new Map<string, Map<string, number>>();
    for (const { metadata, spec } of objects) {
      let counts = groups.get(spec.owner);
      if (counts === undefined) {
        counts = new Map();
        groups.set(spec.owner, counts);
      }
      counts.set(spec.project, (counts.get(spec.project) ?? 0) + metadata.name.length);
    }
  });
}

interface Thing {
  metadata: { name: string };
  spec: { owner: string; project: string; more: string[] };
}

function anObject(index: number): Thing {
  const spec = { owner: `owner-${index % 200}`, project: `project-${index % 7}`, more: ['one', 'two', 'three'] };
  return JSON.parse(JSON.stringify({ metadata: { name: `name-${(index * 7919) % 50_021}` }, spec })) as Thing;
}
