/** How long things take on a machine that does other things too. */

export interface Sample {
  /** Milliseconds. */
  mean: number;
  p50: number;
  p99: number;
}

/** Rounds of which the best counts: neighbours on the machine can only make a round slower. */
const ROUNDS = 3;

/** The best of three rounds of `times` runs, after as many to warm up. */
export function measure(times: number, work: () => void): Sample {
  run(times, work);
  const rounds = Array.from({ length: ROUNDS }, () => summarize(run(times, work)));
  return rounds.reduce((best, round) => (round.mean < best.mean ? round : best));
}

function run(times: number, work: () => void): number[] {
  return Array.from({ length: times }, () => {
    const started = performance.now();
    work();
    return performance.now() - started;
  });
}

export function summarize(milliseconds: readonly number[]): Sample {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const mean = sorted.reduce((sum, each) => sum + each, 0) / Math.max(1, sorted.length);
  return { mean, p50: at(0.5), p99: at(0.99) };
}

/**
 * Milliseconds that a fixed piece of work of the scheduler's kind (maps with text keys, sorting of text) takes. Ranges
 * are for the machine they were calibrated on; the ratio of its reference time to this one's makes them fit this one.
 */
export function reference(): number {
  const words = Array.from({ length: 20_000 }, (_, index) => `word-${(index * 7919) % 20_011}`);
  return measure(10, () => {
    const counts = new Map<string, number>();
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + word.length);
    [...counts.keys()].sort((a, b) => (a < b ? -1 : 1));
  }).mean;
}
