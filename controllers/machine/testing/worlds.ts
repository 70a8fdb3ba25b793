import type { Builder } from '../../../crds/builder.ts';
import { claimOf, stageClaimOf } from '../../../crds/builder.ts';
import type { BuilderPool } from '../../../crds/builderpool.ts';
import type { BuilderTicket } from '../../../crds/builderticket.ts';
import { toTimestamp } from '../../../lib/clock.ts';
import type { Job, JobCondition, Pod } from '../../../operator/core.ts';
import { jobName, LABELS } from '../../hook/names.ts';
import { BEGIN_OUTPUT } from '../../hook/output.ts';
import { aCommandPool, aMachine, HOST_KEY } from '../../hook/testing/objects.ts';
import { builderName } from '../../shared/names.ts';
import { aBinaryStage, aChroot, ago, aTicket, INSTALLATION, NOW } from '../../testing/objects.ts';
import type { MachineStatus, MachineWorld, Session } from '../world.ts';

/** Worlds for tests of what one machine needs next. */

export const TICKET = aTicket('t', {}, { phase: 'Assigned', assignedAt: ago(3) });
const REFERENCE = { namespace: 'demo', name: 't', uid: 'uid-t' };
const CHROOT_BUILD = { namespace: 'demo', name: 't', uid: 'uid-of-t' };

export const FREE: Builder['spec'] = { pool: 'cloud', machine: { index: 2 }, architecture: 'x86_64' };
export const CLAIMED: Builder['spec'] = {
  ...FREE,
  ticket: REFERENCE,
  chrootBuild: CHROOT_BUILD,
  attempt: 1,
  sandbox: 'demo/hello',
};
export const LENT: Builder['spec'] = { ...FREE, ticket: REFERENCE, sandbox: 'demo/hello' };

/** Status of a machine that is up. */
export const UP: MachineStatus = {
  phase: 'Ready',
  reason: 'Ready',
  startedAt: ago(100),
  data: 'MTAuMC4wLjcK',
  address: '10.0.0.7:22',
  user: 'root',
  hostKeys: [HOST_KEY],
};

export function aSession(more: Partial<Session> = {}): Session {
  return {
    ticket: 'uid-t',
    phase: 'Running',
    reason: 'Building',
    message: 'builds',
    pod: builderName('uid-t'),
    ...more,
  };
}

export interface Parts {
  spec?: Partial<Builder['spec']>;
  status?: MachineStatus;
  metadata?: Partial<Builder['metadata']>;
  pool?: BuilderPool | undefined;
  ticket?: BuilderTicket | undefined;
  pod?: Pod;
  jobs?: Job[];
  jobPods?: Pod[];
  facts?: MachineWorld['facts'];
  stage?: Partial<NonNullable<MachineWorld['stage']>>;
}

export function aWorld(parts: Parts = {}): MachineWorld {
  const builder = aMachine({
    ...(parts.spec === undefined ? {} : { spec: parts.spec }),
    ...(parts.metadata === undefined ? {} : { metadata: parts.metadata }),
    ...(parts.status === undefined ? {} : { status: parts.status }),
  });
  const claim = stageClaimOf(builder);
  const chrootBuild = aBinaryStage('pebble-13-x86_64');
  return {
    builder,
    pool: 'pool' in parts ? parts.pool : aCommandPool({}, { reuse: { waitSeconds: 600, maxUses: 0, maxSeconds: 0 } }),
    claim: claimOf(builder),
    ticket: 'ticket' in parts ? parts.ticket : builder.spec.ticket && TICKET,
    stage: claim && { claim, chrootBuild, chroot: aChroot('pebble-13-x86_64'), project: undefined, ...parts.stage },
    pod: parts.pod,
    jobs: parts.jobs ?? [],
    jobPods: parts.jobPods ?? [],
    strangers: [],
    installation: INSTALLATION,
    facts: parts.facts ?? {},
  };
}

export type JobState = 'runs' | 'succeeds' | 'fails' | 'times out' | 'hangs';

/** A Job of the machine, by what it is for. */
export function aJob(suffix: string, state: JobState, endedSecondsAgo = 1): Job {
  const name = jobName('cloud-00000007', suffix);
  const ended = (type: string, reason?: string): JobCondition[] => [
    { type, status: 'True', lastTransitionTime: ago(endedSecondsAgo), ...(reason === undefined ? {} : { reason }) },
  ];
  const conditions = {
    runs: [],
    hangs: [],
    succeeds: ended('Complete'),
    fails: ended('Failed', 'BackoffLimitExceeded'),
    'times out': ended('Failed', 'DeadlineExceeded'),
  }[state];
  const startTime = state === 'hangs' ? ago(1_000) : ago(5);
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      namespace: 'kopr-builds',
      uid: `uid-${name}`,
      creationTimestamp: startTime,
      labels: { [LABELS.builderUID]: 'uid-cloud-00000007' },
    },
    spec: { activeDeadlineSeconds: 100, template: { spec: { containers: [] } } },
    status: { conditions, startTime },
  };
}

export function aPodOf(job: Job, exitCode?: number, metadata: Partial<Pod['metadata']> = {}): Pod {
  const { name, uid = '' } = job.metadata;
  const state = exitCode === undefined ? { running: {} } : { terminated: { exitCode } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name}-x`,
      namespace: 'kopr-builds',
      uid: `${uid}-x`,
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: true }],
      ...metadata,
    },
    spec: { containers: [] },
    status: { containerStatuses: [{ name: 'hook', ready: false, restartCount: 0, state }] },
  };
}

/** That the log of this Job was read. */
export function logOf(suffix: string, text: string | undefined, exitCode = 0): MachineWorld['facts'] {
  const job = aJob(suffix, 'succeeds');
  return { log: { jobUID: job.metadata.uid ?? '', pods: [aPodOf(job, exitCode)], text } };
}

export function printed(output: string): string {
  return `busy\n\n${BEGIN_OUTPUT}\n${output}`;
}

export type DriverState = 'starts' | 'runs' | { exitCode: number };

/** The pod that drives the machine for its ticket. */
export function aDriver(state: DriverState, metadata: Partial<Pod['metadata']> = {}): Pod {
  const startedAt = ago(2);
  const container =
    state === 'starts'
      ? { waiting: { reason: 'PodInitializing' } }
      : state === 'runs'
        ? { running: { startedAt } }
        : { terminated: { exitCode: state.exitCode, startedAt } };
  const phase =
    state === 'starts' ? 'Pending' : state === 'runs' ? 'Running' : state.exitCode === 0 ? 'Succeeded' : 'Failed';
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: builderName('uid-t'),
      namespace: 'kopr-builds',
      uid: 'uid-driver',
      creationTimestamp: ago(5),
      ...metadata,
    },
    spec: { containers: [], nodeName: 'n1' },
    status: { phase, containerStatuses: [{ name: 'build', ready: false, restartCount: 0, state: container }] },
  };
}

export function closed(ticket: BuilderTicket = TICKET): BuilderTicket {
  return { ...ticket, spec: { ...ticket.spec, closed: true } };
}

export function inSeconds(seconds: number): string {
  return toTimestamp(NOW + seconds * 1000);
}
