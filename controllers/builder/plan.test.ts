import { describe, expect, it } from 'vitest';
import type { Builder } from '../../crds/builder.ts';
import type { Pod, PodStatus } from '../../operator/core.ts';
import {
  aBinaryStage,
  aBuilder,
  aChroot,
  aClaim,
  ago,
  aPool,
  aProject,
  aSourceStage,
  aTicket,
  NOW,
} from '../testing/objects.ts';
import { KEEP_FAILED_START_MS, planBuilder, refused, unforgotten } from './plan.ts';
import type { BuilderWorld } from './world.ts';

const TICKET = aTicket('t');

function aWorld(more: Partial<BuilderWorld> = {}, status?: Builder['status']): BuilderWorld {
  return {
    builder: aBuilder(TICKET, status),
    claim: aClaim(TICKET),
    pool: aPool('default', { startTimeoutSeconds: 60 }),
    ticket: TICKET,
    chrootBuild: aBinaryStage('pebble-13-x86_64'),
    project: aProject(),
    chroot: aChroot('pebble-13-x86_64'),
    pod: undefined,
    ...more,
  };
}

function aPod(status: PodStatus, deleting = false): Pod {
  const metadata = { name: 'default-t', namespace: 'kopr-builds', ...(deleting ? { deletionTimestamp: ago(1) } : {}) };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [], nodeName: 'n1' }, status };
}

const RUNNING: PodStatus = {
  phase: 'Running',
  containerStatuses: [{ name: 'build', ready: true, restartCount: 0, state: { running: { startedAt: ago(3) } } }],
};
const CLOSED = aTicket('t', { closed: true });

describe('planBuilder', () => {
  it('makes the pod, and says that it starts', () => {
    const plan = planBuilder(aWorld(), NOW);
    expect(plan).toMatchObject({ createPod: true, status: { phase: 'Starting', pod: 'default-t' } });
  });

  it('needs no chroot for the source stage', () => {
    const world = aWorld({ chrootBuild: aSourceStage(), chroot: undefined });
    expect(planBuilder(world, NOW).createPod).toBe(true);
  });

  it('is lost at once when the chroot of its binary stage is gone', () => {
    const plan = planBuilder(aWorld({ chroot: undefined }), NOW);
    expect(plan).toMatchObject({ createPod: false, status: { phase: 'Lost', reason: 'PodRefused', endedAt: ago(0) } });
  });

  it('follows its pod', () => {
    const plan = planBuilder(aWorld({ pod: aPod(RUNNING) }, { phase: 'Starting', reason: 'BuilderStarting' }), NOW);
    expect(plan.status).toMatchObject({ phase: 'Running', node: 'n1', startedAt: ago(3) });
    expect(plan.notes).toMatchObject([{ type: 'Normal', reason: 'Building' }]);
  });

  it('tells a change once', () => {
    const plan = planBuilder(aWorld({ pod: aPod(RUNNING) }, { phase: 'Running', reason: 'Building' }), NOW);
    expect(plan.notes).toEqual([]);
  });

  it('leaves it to its stage to tell of a good end', () => {
    const plan = planBuilder(aWorld({ pod: aPod({ phase: 'Succeeded' }) }, { phase: 'Running' }), NOW);
    expect(plan).toMatchObject({ status: { phase: 'Ended' }, notes: [] });
  });

  it('wakes up when the start is overdue, and then gives the pod up', () => {
    const world = aWorld({ pod: aPod({ phase: 'Pending' }) }, { phase: 'Starting' });
    expect(planBuilder(world, NOW).requeueAfterMs).toBe(50_000);
    const late = planBuilder(world, NOW + 50_000);
    expect(late).toMatchObject({ deletePod: true, status: { phase: 'Lost', reason: 'StartTimeout' } });
    expect(late.status?.message).toContain('did not start within 60 s: its builder is starting');
  });

  it('does not mind how long a running build takes', () => {
    const world = aWorld({ pod: aPod(RUNNING) }, { phase: 'Running' });
    expect(planBuilder(world, NOW + 86_400_000)).toMatchObject({ deletePod: false, status: { phase: 'Running' } });
  });

  it.each([
    { title: 'has vanished', pod: undefined },
    { title: 'is being deleted', pod: aPod(RUNNING, true) },
  ])('is lost when its pod $title', ({ pod }) => {
    const plan = planBuilder(aWorld({ pod }, { phase: 'Running', startedAt: ago(3) }), NOW);
    expect(plan.status).toMatchObject({ phase: 'Lost', reason: 'PodVanished', startedAt: ago(3), endedAt: ago(0) });
    expect(plan.notes).toMatchObject([{ type: 'Warning', reason: 'PodVanished' }]);
  });

  it.each(['Ended', 'Lost'] as const)('does nothing more once it is %s and its ticket is open', (phase) => {
    expect(planBuilder(aWorld({}, { phase }), NOW)).toMatchObject({
      deleteBuilder: false,
      createPod: false,
      notes: [],
    });
  });

  it.each([
    { title: 'its ticket is closed', world: { ticket: CLOSED } },
    { title: 'its ticket is gone', world: { ticket: undefined } },
    { title: 'its stage went before its pod was made', world: { chrootBuild: undefined } },
  ])('is deleted when $title', ({ world }) => {
    expect(planBuilder(aWorld(world), NOW)).toMatchObject({ deleteBuilder: true, createPod: false });
  });

  it('leaves a Builder that is being deleted alone', () => {
    const world = aWorld({ ticket: CLOSED });
    const builder = { ...world.builder, metadata: { ...world.builder.metadata, deletionTimestamp: ago(1) } };
    expect(planBuilder({ ...world, builder }, NOW)).toMatchObject({ deleteBuilder: false, notes: [] });
  });

  it('is kept for a while when it never started, without its pod, so that its pool can judge by it', () => {
    const status = { phase: 'Lost', reason: 'StartTimeout', endedAt: ago(100) } as const;
    const world = aWorld({ ticket: CLOSED, pod: aPod({ phase: 'Pending' }) }, status);
    const plan = planBuilder(world, NOW);
    expect(plan).toMatchObject({
      deleteBuilder: false,
      deletePod: true,
      requeueAfterMs: KEEP_FAILED_START_MS - 100_000,
    });
    expect(planBuilder(world, NOW + KEEP_FAILED_START_MS)).toMatchObject({ deleteBuilder: true });
  });

  it.each([
    { title: 'it had started', status: { phase: 'Lost', startedAt: ago(9), endedAt: ago(5) } as const },
    { title: 'its own input broke it', status: { phase: 'Lost', reason: 'BuilderFailed', endedAt: ago(5) } as const },
  ])('is not kept when $title', ({ status }) => {
    expect(planBuilder(aWorld({ ticket: CLOSED }, status), NOW).deleteBuilder).toBe(true);
  });

  const deleted = (phase: 'Running' | 'Publishing' = 'Running') => {
    const stage = aBinaryStage('pebble-13-x86_64', { phase });
    return { ...stage, metadata: { ...stage.metadata, deletionTimestamp: ago(1) } };
  };
  it.each<{ title: string; world: Partial<BuilderWorld>; status: Builder['status']; forget: boolean }>([
    { title: 'is being deleted', world: { chrootBuild: deleted() }, status: { phase: 'Running' }, forget: true },
    {
      title: 'is gone',
      world: { ticket: undefined, chrootBuild: undefined },
      status: { phase: 'Running' },
      forget: true,
    },
    { title: 'goes on', world: {}, status: { phase: 'Running' }, forget: false },
    {
      title: 'is publishing',
      world: { chrootBuild: deleted('Publishing') },
      status: { phase: 'Running' },
      forget: false,
    },
    { title: 'has all results', world: { chrootBuild: undefined }, status: { phase: 'Ended' }, forget: false },
  ])('whose stage $title has its token refused before it is deleted: $forget', ({ world, status, forget }) => {
    const plan = planBuilder(aWorld({ ticket: CLOSED, ...world }, status), NOW);
    expect(plan).toMatchObject({ deleteBuilder: true, forget });
  });

  it('ends its pod, not its pool’s luck, while the publisher cannot refuse its token, and gives up in ten minutes', () => {
    const orphan = { ticket: undefined, chrootBuild: undefined };
    const first = unforgotten(aWorld({ ...orphan, pod: aPod(RUNNING) }, { phase: 'Running' }), NOW);
    expect(first).toMatchObject({ deletePod: true, deleteBuilder: false, requeueAfterMs: 5_000 });
    expect(first.status).toMatchObject({ phase: 'Ended', reason: 'BuildDeleted', endedAt: ago(0) });
    const later = aWorld(orphan, first.status);
    expect(planBuilder(later, NOW + 5_000)).toMatchObject({ forget: true, deleteBuilder: true });
    expect(unforgotten(later, NOW + 599_000)).toMatchObject({ deleteBuilder: false, status: { endedAt: ago(0) } });
    expect(unforgotten(later, NOW + 600_000)).toMatchObject({ deleteBuilder: true, forget: false });
  });

  it('is lost when the API server will not have its pod', () => {
    expect(refused(aWorld(), NOW, 'no such class')).toMatchObject({
      phase: 'Lost',
      reason: 'PodRefused',
      message: 'no such class',
      endedAt: ago(0),
    });
  });
});
