import { z } from 'zod';

/** One figure of the benchmark. */
export interface Figure {
  name: string;
  value: number;
  unit: 'ms' | 'MB' | '/s' | 'writes';
  /** What the project promises, whatever was measured before: at most, for `/s` at least. */
  target?: number;
  /** Depends on what else the machine does, or on few samples: may be twice as bad as what was measured before. */
  rough?: true;
}

export const ranges = z.strictObject({
  /** Where and when the ranges come from. */
  calibration: z.strictObject({ date: z.string(), node: z.string(), machine: z.string(), referenceMs: z.number() }),
  /** Figures as measured then. A run may be a fifth worse than that, with rough ones twice as bad. */
  figures: z.record(z.string(), z.number()),
});
export type Ranges = z.infer<typeof ranges>;

export interface Verdict {
  figure: Figure;
  /** The worst value that passes; undefined when nothing is known or promised. */
  limit: number | undefined;
  good: boolean;
}

const TOLERANCE = 1.2;
const ROUGH_TOLERANCE = 2;

/**
 * Holds figures against what was measured before (and a fifth, or twice that), and against targets. `referenceMs` is the reference time
 * of this run: on a slower machine, or one that is busy, time limits grow with it; on a faster one they stay.
 */
export function judge(figures: readonly Figure[], known: Ranges, referenceMs: number): Verdict[] {
  const slower = Math.max(1, referenceMs / known.calibration.referenceMs);
  return figures.map((figure) => {
    const before = known.figures[figure.name];
    const { unit, target, value } = figure;
    const tolerance = figure.rough ? ROUGH_TOLERANCE : TOLERANCE;
    if (unit === '/s') {
      const floors = [before === undefined ? 0 : before / tolerance, target ?? 0].map((floor) => floor / slower);
      const limit = Math.max(...floors);
      return { figure, limit: limit === 0 ? undefined : limit, good: value >= limit };
    }
    const factor = unit === 'ms' ? slower : 1;
    const ceilings = [before === undefined ? undefined : before * tolerance, target].filter(
      (each) => each !== undefined,
    );
    if (ceilings.length === 0) return { figure, limit: undefined, good: true };
    const limit = Math.min(...ceilings) * factor;
    return { figure, limit, good: value <= limit };
  });
}

export function table(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ figure, limit, good }) => [
    figure.name,
    `${round(figure.value)} ${figure.unit}`,
    limit === undefined ? '-' : `${figure.unit === '/s' ? '>=' : '<='} ${round(limit)}`,
    good ? 'ok' : 'MISSED',
  ]);
  const all = [['figure', 'measured', 'limit', ''], ...rows];
  return columns(all);
}

export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function round(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

/** Of two measurements of the same figures the better ones: what runs beside a benchmark can only make it worse. */
export function better(one: readonly Figure[], two: readonly Figure[]): Figure[] {
  return one.map((figure) => {
    const again = two.find(({ name }) => name === figure.name);
    if (again === undefined) return figure;
    const wins = figure.unit === '/s' ? again.value > figure.value : again.value < figure.value;
    return wins ? again : figure;
  });
}
