import type { Build, BuildStatus } from '../../crds/build.ts';
import type { Chroot } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import type { CoprState } from '../../crds/common.ts';
import { isComplete, runConditions } from '../../crds/states.ts';
import { toTimestamp } from '../../lib/clock.ts';
import type { Condition } from '../../operator/conditions.ts';
import { oneSentence } from '../shared/notes.ts';

type ChrootEntry = NonNullable<BuildStatus['chroots']>[number];

/** How a Build stands, before it is turned into a status. */
export interface Standing {
  outcome: 'running' | 'succeeded' | 'failed';
  state: CoprState;
  reason: string;
  message: string;
}

/** What is known of the chroots, whether they have a ChrootBuild yet or not. */
export interface Facts {
  chroots: readonly Chroot[];
  skipped: ReadonlyMap<string, string>;
  sourceChild: ChrootBuild | undefined;
  binaries: ReadonlyMap<string, ChrootBuild>;
}

/** The one place where the status of a Build is made. Fields that are once known stay. */
export function buildStatus(build: Build, standing: Standing, facts: Facts | undefined, now: number): BuildStatus {
  const previous = build.status;
  const stamp = toTimestamp(now);
  const source = sourceOf(facts?.sourceChild) ?? previous?.source;
  const chroots = facts ? chrootEntries(facts, standing) : previous?.chroots;
  const imported = facts?.sourceChild?.status?.imported;
  const name = imported?.name ?? previous?.package;
  const version = imported?.version ?? previous?.version;
  const ended = standing.outcome !== 'running';
  const startedAt = previous?.startedAt ?? facts?.sourceChild?.status?.startedAt;
  return {
    observedGeneration: build.metadata.generation ?? 0,
    conditions: runConditions(
      previous?.conditions as Condition[] | undefined,
      standing.outcome,
      standing.reason,
      standing.message,
      build.metadata.generation,
      stamp,
    ),
    ...(previous?.id === undefined ? {} : { id: previous.id }),
    state: standing.state,
    reason: standing.reason,
    ...(name === undefined ? {} : { package: name }),
    ...(version === undefined ? {} : { version }),
    ...(name === undefined ? {} : { packageVersion: version === undefined ? name : `${name}-${version}` }),
    ...(chroots === undefined ? {} : { chroots, chrootSummary: summary(chroots) }),
    ...(source === undefined ? {} : { source }),
    ...(ended ? {} : queueOf(standing, facts)),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(ended ? { completedAt: previous?.completedAt ?? stamp } : {}),
  };
}

function sourceOf(child: ChrootBuild | undefined): BuildStatus['source'] {
  const status = child?.status;
  if (status === undefined) return undefined;
  return {
    ...(status.resultsURL === undefined ? {} : { resultsURL: status.resultsURL }),
    ...(status.srpm === undefined ? {} : { srpm: status.srpm.path.split('/').at(-1) ?? status.srpm.path }),
    ...(status.imported === undefined ? {} : { repo: status.imported.repo, branches: status.imported.branches }),
  };
}

function chrootEntries(facts: Facts, standing: Standing): ChrootEntry[] {
  return facts.chroots.map(({ spec: { name } }) => {
    const skipped = facts.skipped.get(name);
    if (skipped !== undefined) return { name, state: 'skipped', reason: 'ArchitectureExcluded', message: skipped };
    const child = facts.binaries.get(name);
    if (child === undefined)
      return { name, state: standing.outcome === 'running' ? 'waiting' : withoutChild(standing) };
    const { state, reason, message, resultsURL } = child.status ?? {};
    return {
      name,
      state: state ?? 'pending',
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
      ...(resultsURL === undefined ? {} : { resultsURL }),
    };
  });
}

/** A chroot that was never reached ends as its Build does. */
function withoutChild(standing: Standing): CoprState {
  return standing.state === 'canceled' ? 'canceled' : 'failed';
}

const ENDED: readonly CoprState[] = ['succeeded', 'failed', 'canceled', 'skipped'];

function summary(chroots: readonly ChrootEntry[]): string {
  return `${chroots.filter((entry) => ENDED.includes(entry.state)).length}/${chroots.length}`;
}

function queueOf(standing: Standing, facts: Facts | undefined): Pick<BuildStatus, 'queue'> {
  if (standing.state === 'waiting') return { queue: { message: oneSentence(standing.message) } };
  const stages = facts ? [facts.sourceChild, ...facts.binaries.values()].filter((stage) => stage !== undefined) : [];
  const queued = stages.filter((stage) => !isComplete(stage) && stage.status?.phase === 'Waiting');
  const first = queued.sort((a, b) => (a.status?.queuePosition ?? 0) - (b.status?.queuePosition ?? 0))[0];
  if (first?.status === undefined) return {};
  const { queuePosition, message } = first.status;
  return {
    queue: {
      ...(queuePosition === undefined ? {} : { position: queuePosition }),
      ...(message === undefined ? {} : { message }),
    },
  };
}
