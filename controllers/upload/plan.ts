import type { Build } from '../../crds/build.ts';
import { isComplete } from '../../crds/states.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import type { ListedUpload } from '../../lib/protocol/upload.ts';

const HOUR_MS = 3_600_000;
/** Younger uploads stay whatever their builds say: another Build that names one may be on its way into the cache. */
const YOUNG_MS = HOUR_MS;

/**
 * Pure: ids of the uploads that nobody needs any more: older than `hours` and named by no Build, or older than an hour and named only by
 * Builds that have ended. `now` in milliseconds since the epoch.
 */
export function planExpiry(
  uploads: readonly ListedUpload[],
  builds: Iterable<Build>,
  hours: number,
  now: number,
): string[] {
  const needed = new Map<string, boolean>();
  for (const build of builds) {
    const id = build.spec.source?.upload?.id;
    if (id !== undefined) needed.set(id, needed.get(id) === true || !isComplete(build));
  }
  return uploads
    .filter(({ id, createdAt }) => {
      const age = now - fromTimestamp(createdAt);
      const wanted = needed.get(id);
      if (wanted === true) return false;
      return age >= (wanted === false ? YOUNG_MS : hours * HOUR_MS);
    })
    .map(({ id }) => id);
}
