import type { CHROOT_BUILD_PHASES, ChrootBuild, ChrootBuildStatus } from '../../crds/chrootbuild.ts';
import type { CoprState } from '../../crds/common.ts';
import { runConditions } from '../../crds/states.ts';
import { toTimestamp } from '../../lib/clock.ts';
import type { Condition } from '../../operator/conditions.ts';
import { findCondition, setCondition } from '../../operator/conditions.ts';
import { resultsPath, urlBelow } from '../shared/names.ts';
import { oneSentence } from '../shared/notes.ts';
import type { ChrootBuildWorld } from './world.ts';
import { newestTicket, sessionIn } from './world.ts';

export type Phase = (typeof CHROOT_BUILD_PHASES)[number];

/** Packages that a status lists; the rest are in results.json. A status has its limits, a build need not. */
const SHOWN_PACKAGES = 500;

/** Reason of a ticket that no pool could serve, as the scheduler gives it. */
export const NO_POOL = 'NoPool';
const WITHOUT_POOL = 'WithoutPool';

/** How a stage stands, before it is turned into a status. */
export interface Standing {
  phase: Phase;
  reason: string;
  message: string;
  /** The services are asked what came of it: from the first such status on it is counted how long they take. */
  builderIsOver?: boolean;
}

const COPR_STATE: Record<Phase, CoprState> = {
  Waiting: 'pending',
  Starting: 'starting',
  Running: 'running',
  // Copr shows a build as running until its packages are in the repository.
  Publishing: 'running',
  Importing: 'importing',
  Succeeded: 'succeeded',
  Failed: 'failed',
  Cancelled: 'canceled',
};

export function isTerminal(phase: Phase): boolean {
  return phase === 'Succeeded' || phase === 'Failed' || phase === 'Cancelled';
}

/** The one place where the status of a ChrootBuild is made. Fields that are once known stay. */
export function chrootBuildStatus(world: ChrootBuildWorld, standing: Standing, now: number): ChrootBuildStatus {
  const { chrootBuild, builder } = world;
  const previous = chrootBuild.status;
  const stamp = toTimestamp(now);
  const ticket = newestTicket(world);
  const message = oneSentence(standing.message);
  const terminal = isTerminal(standing.phase);
  const outcome = !terminal ? 'running' : standing.phase === 'Succeeded' ? 'succeeded' : 'failed';
  const results = `${urlBelow(world.urls.results, resultsPath(chrootBuild))}/`;
  const position = standing.phase === 'Waiting' ? ticket?.status?.position : undefined;
  return {
    observedGeneration: chrootBuild.metadata.generation ?? 0,
    conditions: runConditions(
      withoutPool(previous?.conditions as Condition[] | undefined, standing, message, chrootBuild, stamp),
      outcome,
      standing.reason,
      message,
      chrootBuild.metadata.generation,
      stamp,
    ),
    phase: standing.phase,
    state: COPR_STATE[standing.phase],
    reason: standing.reason,
    message,
    ...(ticket === undefined ? {} : { ticket: ticket.metadata.name, attempt: ticket.spec.attempt }),
    ...optional('builder', builder?.metadata.name ?? ticket?.status?.builder ?? previous?.builder),
    ...optional('queuePosition', position),
    ...optional('queuedAt', previous?.queuedAt ?? stamp),
    ...optional('startedAt', ticket?.status?.assignedAt ?? previous?.startedAt),
    ...optional('runningAt', sessionIn(world)?.startedAt ?? previous?.runningAt),
    ...optional('builtAt', builtAt(world, standing, stamp)),
    ...optional('finishedAt', terminal ? (previous?.finishedAt ?? stamp) : undefined),
    resultsURL: results,
    logURL: `${results}builder-live.log`,
    ...outcomeFields(world, previous),
  };
}

/** There as long as no pool could serve the stage: since when, is the time of its transition. */
function withoutPool(
  previous: readonly Condition[] | undefined,
  { phase, reason }: Standing,
  message: string,
  { metadata }: ChrootBuild,
  stamp: string,
): Condition[] | undefined {
  if (phase !== 'Waiting' || reason !== NO_POOL) return previous?.filter(({ type }) => type !== WITHOUT_POOL);
  return setCondition(previous, { type: WITHOUT_POOL, status: 'True', reason, message }, metadata.generation, stamp);
}

/** Timestamp since when no pool could serve the stage; undefined when one can. */
export function withoutPoolSince({ status }: ChrootBuild): string | undefined {
  return findCondition(status?.conditions as Condition[] | undefined, WITHOUT_POOL)?.lastTransitionTime;
}

function builtAt(world: ChrootBuildWorld, standing: Standing, stamp: string): string | undefined {
  if (standing.phase === 'Waiting') return undefined;
  const known = sessionIn(world)?.endedAt ?? world.chrootBuild.status?.builtAt;
  const isOver = standing.builderIsOver ?? (standing.phase === 'Publishing' || standing.phase === 'Importing');
  return known ?? (isOver ? stamp : undefined);
}

function outcomeFields(world: ChrootBuildWorld, previous: ChrootBuildStatus | undefined): Partial<ChrootBuildStatus> {
  const { publication, imported } = world.facts;
  const published =
    publication !== undefined && publication !== 'pending' && 'state' in publication ? publication : undefined;
  const result = imported !== undefined && imported !== 'pending' && 'state' in imported ? imported : undefined;
  const packages =
    published && world.chrootBuild.spec.stage === 'binary'
      ? published.packages.slice(0, SHOWN_PACKAGES)
      : previous?.packages;
  return {
    ...optional('packages', packages),
    ...optional('repoGeneration', published?.generation ?? previous?.repoGeneration),
    ...optional('srpm', published?.srpm ?? previous?.srpm),
    ...optional(
      'imported',
      result === undefined
        ? previous?.imported
        : {
            name: result.package.name,
            version: evr(result.package),
            repo: result.repo,
            branches: result.branches,
            exclusiveArch: result.exclusiveArch,
            excludeArch: result.excludeArch,
          },
    ),
  };
}

/** `[epoch:]version-release`; an epoch of 0 is not shown. */
function evr(nevr: { epoch: number; version: string; release: string }): string {
  const text = `${nevr.version}-${nevr.release}`;
  return nevr.epoch === 0 ? text : `${nevr.epoch}:${text}`;
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}
