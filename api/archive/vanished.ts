import type { Build } from '../../crds/build.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import { numberOf } from '../../crds/names.ts';
import { isComplete } from '../../crds/states.ts';
import type { Logger } from '../../lib/log.ts';
import { keyOf } from '../../operator/resource.ts';
import type { Change } from '../../operator/store.ts';
import type { ArchiveStores } from './archiver.ts';
import { STAGES_OF_BUILD } from './archiver.ts';
import { isArchived, isRemoved, projectKey, removedNumbers } from './plan.ts';

/** A Build that was deleted before the history had it, as it was last seen. */
export interface VanishedBuild {
  build: Build;
  stages: ChrootBuild[];
}

export interface Vanished {
  /** Ended Builds that may still be recorded. */
  pending(): VanishedBuild[];
  /** Is recorded, or never will be. */
  settle(entry: VanishedBuild, outcome: 'recorded' | 'lost' | 'of no interest'): void;
  stop(): void;
}

/** More would be a reset of the cluster, not users who delete their Builds. */
const MOST = 10_000;

/**
 * Watches for Builds that somebody deletes in the time between their end and their annotation. They are kept in memory
 * by every replica, whether the database answers or not, until one that leads has recorded them.
 */
export function createVanished(
  stores: ArchiveStores,
  deps: { log: Logger; onLost: () => void; isLeading: () => boolean },
): Vanished {
  const entries = new Map<string, VanishedBuild>();

  function lost(build: Build, message: string): void {
    deps.onLost();
    deps.log.warn({ build: keyOf(build), number: numberOf(build) }, message);
  }

  function isOfInterest(build: Build): boolean {
    const project = stores.projects.get(projectKey(build.metadata.namespace, build.spec.project));
    if (project === undefined || project.metadata.deletionTimestamp !== undefined) return false;
    return !isRemoved(build, removedNumbers(stores.removals.list(build.metadata.namespace)));
  }

  function onChange({ old, now }: Change<Build>): void {
    if (now !== undefined || old === undefined || isArchived(old) || !isOfInterest(old)) return;
    if (!isComplete(old)) {
      // The others see it too; one counts it.
      if (deps.isLeading()) lost(old, 'a build was deleted before its end; the history will not have it');
      return;
    }
    if (entries.size >= MOST) {
      lost(old, 'too many builds were deleted before the history had them');
      return;
    }
    const uid = old.metadata.uid ?? '';
    entries.set(uid, { build: old, stages: stores.chrootBuilds.byIndex(STAGES_OF_BUILD, uid) });
  }

  const stop = stores.builds.subscribe(onChange);
  return {
    pending: () => [...entries.values()],
    settle(entry, outcome) {
      entries.delete(entry.build.metadata.uid ?? '');
      if (outcome === 'lost') lost(entry.build, 'a build was deleted and could not be recorded');
    },
    stop,
  };
}
