import type { Build } from '../../crds/build.ts';
import { isComplete } from '../../crds/states.ts';

/** Builds looked at; a longer chain is not followed to its end. */
const LIMIT = 1000;

/** The way back to `build` along `spec.after` of Builds that have not ended, as names; undefined when there is none. */
export function cycleOf(build: Build, find: (name: string) => Build | undefined): string[] | undefined {
  const start = build.metadata.name;
  const seen = new Set<string>();
  const ways: string[][] = (build.spec.after ?? []).map((name) => [name]);
  for (let way = ways.pop(); way !== undefined && seen.size < LIMIT; way = ways.pop()) {
    const name = way.at(-1) ?? '';
    if (name === start) return way;
    if (seen.has(name)) continue;
    seen.add(name);
    const next = find(name);
    if (next === undefined || isComplete(next)) continue;
    for (const further of next.spec.after ?? []) ways.push([...way, further]);
  }
  return undefined;
}
