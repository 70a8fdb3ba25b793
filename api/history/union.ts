/**
 * One list out of two places: what the cluster has now, and what is recorded of the builds that ended before. Read the
 * cluster first. A build goes from there into the record and never back, so whatever moves between the two reads is in
 * one of them at least; numbers found in the cluster are left out of the record, so it is in one of them at most.
 */

export interface Numbered {
  id: number;
}

export interface Window {
  /** null: everything. */
  limit: number | null;
  offset: number;
}

/** More rows than any list has; the database wants a number. */
export const ALL = 2_147_483_647;

/**
 * The part of the record that a page of the union may need. With n live ones before it, the row at place p of the union
 * is at least at place p - n of the record.
 */
export function archivedWindow(live: number, { limit, offset }: Window): { limit: number; offset: number } {
  const start = Math.max(0, offset - live);
  return { offset: start, limit: limit === null ? ALL : Math.min(ALL, limit + (offset - start)) };
}

/**
 * The page of the union, newest first.
 * @param live newest first, those that pass the filter of the list
 * @param archived reads the record, newest first and without any number that was seen in the cluster
 */
export async function unionPage<T extends Numbered>(
  live: readonly T[],
  window: Window,
  archived: (window: { limit: number; offset: number }) => Promise<readonly T[]>,
): Promise<T[]> {
  if (window.limit === 0) return [];
  const part = archivedWindow(live.length, window);
  const rows = await archived(part);
  // The first part.offset rows of the record stand before the page, wherever the live ones are.
  const skip = window.offset - part.offset;
  return mergeNewest(live, rows, skip, window.limit);
}

/** Both are newest first and have no number in common. */
function mergeNewest<T extends Numbered>(a: readonly T[], b: readonly T[], skip: number, limit: number | null): T[] {
  const page: T[] = [];
  let [i, j, at] = [0, 0, 0];
  while (limit === null || page.length < limit) {
    const left = a[i];
    const right = b[j];
    let next: T;
    if (left !== undefined && (right === undefined || left.id > right.id)) {
      next = left;
      i += 1;
    } else if (right !== undefined) {
      next = right;
      j += 1;
    } else {
      break;
    }
    if (at >= skip) page.push(next);
    at += 1;
  }
  return page;
}

/** Rows that are read and sent at a time. */
export const BATCH = 500;

/** What is read of the record at a time. */
export interface RecordWindow {
  limit: number;
  offset: number;
  /** Only numbers below this one. */
  before?: number;
}

/**
 * The same page in pieces, each read only when the one before was taken: a list of everything that a project ever built
 * need not fit into memory. What moves, is recorded or removed meanwhile makes no gap and no double.
 */
export async function* unionBatches<T extends Numbered>(
  live: readonly T[],
  window: Window,
  archived: (window: RecordWindow) => Promise<readonly T[]>,
  size: number = BATCH,
): AsyncGenerator<T[]> {
  const part = archivedWindow(live.length, window);
  let skip = window.offset - part.offset;
  let left = window.limit ?? Number.POSITIVE_INFINITY;
  let next = 0;
  let batch: T[] = [];
  function put(row: T): void {
    if (skip > 0) skip -= 1;
    else if (left > 0) {
      batch.push(row);
      left -= 1;
    }
  }
  for await (const rows of recordBatches(part, archived, size)) {
    for (const row of rows) {
      for (let one = live[next]; one !== undefined && one.id > row.id; one = live[next]) {
        put(one);
        next += 1;
      }
      put(row);
    }
    if (batch.length > 0) yield batch;
    batch = [];
    if (left <= 0) return;
  }
  for (const one of live.slice(next)) put(one);
  if (batch.length > 0) yield batch;
}

/** Each piece is read by the last number of the one before: an offset would read all that is before it again. */
async function* recordBatches<T extends Numbered>(
  part: { limit: number; offset: number },
  archived: (window: RecordWindow) => Promise<readonly T[]>,
  size: number,
): AsyncGenerator<readonly T[]> {
  let taken = 0;
  let before: number | undefined;
  while (taken < part.limit) {
    const limit = Math.min(size, part.limit - taken);
    const rows = await archived(before === undefined ? { limit, offset: part.offset } : { limit, offset: 0, before });
    if (rows.length > 0) yield rows;
    if (rows.length < limit) return;
    taken += rows.length;
    before = rows.at(-1)?.id;
  }
}

/** Newest first; the cluster's caches are in no order. */
export function newestFirst<T extends Numbered>(items: Iterable<T>): T[] {
  return [...items].sort((a, b) => b.id - a.id);
}
