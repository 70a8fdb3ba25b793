import type { Build } from '../../crds/build.ts';
import type { Project } from '../../crds/project.ts';
import { completedAt } from '../../crds/states.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import type { KubeObject } from '../../operator/resource.ts';

export interface RetentionPlan {
  /** Builds to delete. */
  expired: Build[];
  /** Builds that a GitOps tool would apply (and thereby build) again: only their stages are deleted. */
  strip: Build[];
  /** When the next Build of the project is due, milliseconds since the epoch. */
  next: number | undefined;
}

/** A Build that is kept since somebody needs it is looked at again after this long. */
const NEEDED_MS = 60_000;
const DEFAULTS = { ttlSecondsAfterFinished: 86400, keepLast: 20 };

/**
 * Pure: which finished Builds of one project have had their time. `needed` tells whether somebody still has to see that
 * this one has ended: another Build that comes after it, or the history. `now` in milliseconds since the epoch.
 */
export function planRetention(
  project: Project | undefined,
  builds: readonly Build[],
  needed: (build: Build) => boolean,
  now: number,
): RetentionPlan {
  const { ttlSecondsAfterFinished, keepLast } = project?.spec.retention ?? DEFAULTS;
  const finished = builds
    .filter((build) => build.metadata.deletionTimestamp === undefined)
    .map((build) => ({ build, end: completedAt(build) }))
    .filter((entry): entry is { build: Build; end: string } => entry.end !== undefined)
    .sort((a, b) => newestFirst(a.end, b.end, a.build, b.build));
  const plan: RetentionPlan = { expired: [], strip: [], next: undefined };
  for (const [index, { build, end }] of finished.entries()) {
    const own = build.spec.ttlSecondsAfterFinished;
    // A Build that names its own time does not count on the project's keepLast.
    if (own === undefined && index < keepLast) continue;
    const due = fromTimestamp(end) + (own ?? ttlSecondsAfterFinished) * 1000;
    if (due > now) plan.next = Math.min(plan.next ?? due, due);
    else if (needed(build)) plan.next = Math.min(plan.next ?? Number.POSITIVE_INFINITY, now + NEEDED_MS);
    else if (isGitOpsOwned(build)) plan.strip.push(build);
    else plan.expired.push(build);
  }
  return plan;
}

function newestFirst(a: string, b: string, x: Build, y: Build): number {
  if (a !== b) return a < b ? 1 : -1;
  return (y.status?.id ?? 0) - (x.status?.id ?? 0);
}

const TRACKING_ANNOTATIONS = ['argocd.argoproj.io/tracking-id', 'meta.helm.sh/release-name'];
const TRACKING_LABELS = [
  'argocd.argoproj.io/instance',
  'kustomize.toolkit.fluxcd.io/name',
  'helm.toolkit.fluxcd.io/name',
  // Argo CD in label mode.
  'app.kubernetes.io/instance',
];

/** Something outside would put the object back if it were deleted. */
export function isGitOpsOwned({ metadata }: Pick<KubeObject, 'metadata'>): boolean {
  const { annotations = {}, labels = {} } = metadata;
  return (
    TRACKING_ANNOTATIONS.some((name) => annotations[name] !== undefined) ||
    TRACKING_LABELS.some((name) => labels[name] !== undefined)
  );
}
