import type { Figure } from './ranges.ts';
import { columns, round } from './ranges.ts';

/** How each cost grows with what waits: figures whose names differ by a number of thousands alone, side by side. */
export function growth(figures: readonly Figure[]): string {
  const rows = new Map<string, Map<number, Figure>>();
  for (const figure of figures) {
    const size = /\b([\d.]+)k (waiting|builds queued)/.exec(figure.name);
    if (size === null) continue;
    const where = size[2] === 'waiting' ? 'in memory' : 'API server';
    const cost = figure.name
      .replace(size[0], '')
      .replaceAll(/^[, ]+|[, ]+$/g, '')
      .replace(', ,', ',');
    const name = `${cost} (${where}, ${figure.unit})`;
    const row = rows.get(name) ?? new Map<number, Figure>();
    rows.set(name, row.set(Number(size[1]), figure));
  }
  const grown = [...rows].filter(([, row]) => row.size > 1);
  if (grown.length === 0) return '';
  const sizes = [...new Set(grown.flatMap(([, row]) => [...row.keys()]))].sort((a, b) => a - b);
  const head = ['with so much waiting', ...sizes.map((size) => `${size}k`)];
  const body = grown.map(([name, row]) => [name, ...sizes.map((size) => cell(row.get(size)))]);
  return columns([head, ...body]);
}

function cell(figure: Figure | undefined): string {
  return figure === undefined ? '-' : String(round(figure.value));
}
