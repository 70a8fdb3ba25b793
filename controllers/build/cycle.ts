import type { Build } from '../../crds/build.ts';

/** Builds looked at. A longer chain is not followed to its end: the time limit of the wait ends a circle beyond it. */
const LIMIT = 1000;

/**
 * The way back to `build` along Builds that wait for each other; undefined when there is none. `before` gives the Builds
 * that one waits for, without those that have ended.
 */
export function cycleOf(build: Build, before: (build: Build) => readonly Build[]): Build[] | undefined {
  /** Who led to each Build that was found. */
  const from = new Map<Build, Build>();
  const queue = [build];
  for (let next = queue.shift(); next !== undefined && from.size < LIMIT; next = queue.shift()) {
    for (const other of before(next)) {
      if (other.metadata.uid === build.metadata.uid) return wayTo(next, from);
      if (from.has(other)) continue;
      from.set(other, next);
      queue.push(other);
    }
  }
  return undefined;
}

/** From the first Build after the start to `last`. */
function wayTo(last: Build, from: ReadonlyMap<Build, Build>): Build[] {
  const way: Build[] = [];
  for (let at: Build | undefined = last; at !== undefined && from.has(at); at = from.get(at)) way.unshift(at);
  return way;
}
