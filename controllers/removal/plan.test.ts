import { describe, expect, it } from 'vitest';
import { API_VERSION } from '../../crds/kind.ts';
import type { Removal, RemovalStatus } from '../../crds/removal.ts';
import { runConditions } from '../../crds/states.ts';
import { aBuild, ago, aProject, endedAs, NOW } from '../testing/objects.ts';
import type { RemovalWorld } from './plan.ts';
import { namedBy, planRemoval } from './plan.ts';

function aRemoval(status?: RemovalStatus): Removal {
  return {
    apiVersion: API_VERSION,
    kind: 'Removal',
    metadata: { name: 'old', namespace: 'demo', uid: 'u', generation: 1 },
    spec: { project: 'hello', builds: [7, 8] },
    ...(status === undefined ? {} : { status }),
  };
}

function aWorld(more: Partial<RemovalWorld> = {}): RemovalWorld {
  return { removal: aRemoval(), project: aProject(), builds: [], needed: false, ...more };
}

const finished = aBuild({}, { id: 7, ...endedAs('succeeded') });
const done = { state: 'done', removed: 3 } as const;

describe('planRemoval', () => {
  it('asks the publisher first, by the names that paths have', () => {
    expect(planRemoval(aWorld({ project: aProject({ name: 'Hello_World' }), builds: [finished] }), NOW)).toEqual({
      step: 'remove',
      request: { owner: 'demo', project: 'Hello_World', builds: [7, 8] },
    });
  });

  it('deletes Build objects only when nothing of them is published any more', () => {
    expect(planRemoval(aWorld({ builds: [finished], answer: 'pending' }), NOW).step).toBe('status');
    const plan = planRemoval(aWorld({ builds: [finished], answer: done }), NOW);
    expect(plan).toMatchObject({ step: 'deleteBuilds', builds: [finished], status: { removed: 3 } });
  });

  it('has ended when the objects are gone, with the count of the first answer', () => {
    const removal = aRemoval({ removed: 3, state: 'Removing' });
    const plan = planRemoval(aWorld({ removal, answer: { state: 'done', removed: 0 } }), NOW);
    expect(plan).toMatchObject({ step: 'status', status: { state: 'Removed', removed: 3 } });
    expect(plan.step === 'status' && plan.status.conditions?.map(({ type, status }) => [type, status])).toEqual([
      ['Succeeded', 'True'],
      ['Complete', 'True'],
    ]);
  });

  it.each<[string, Partial<RemovalWorld>, string]>([
    ['a project that does not exist', { project: undefined }, 'ProjectNotFound'],
    ['a build that runs', { builds: [aBuild({}, { id: 7, state: 'running' })] }, 'BuildRunning'],
    ['what the publisher refuses', { answer: { refused: { code: 'InvalidName', message: 'no' } } }, 'InvalidName'],
  ])('refuses %s', (_what, more, reason) => {
    const plan = planRemoval(aWorld(more), NOW);
    expect(plan).toMatchObject({ step: 'status', status: { state: 'Refused' }, notes: [{ reason }] });
  });

  it('asks again when the publisher is away', () => {
    const plan = planRemoval(aWorld({ answer: { unavailable: 'it is restarted' } }), NOW);
    expect(plan).toMatchObject({ step: 'status', status: { state: 'Removing' }, requeueAfterMs: 10_000 });
  });

  it('has nothing to do in a project that was never ready, or is being deleted', () => {
    const fresh = aProject();
    fresh.status = {};
    expect(planRemoval(aWorld({ project: fresh }), NOW)).toMatchObject({ status: { state: 'Removed', removed: 0 } });
    const going = aProject();
    going.metadata = { ...going.metadata, deletionTimestamp: ago(1) };
    expect(planRemoval(aWorld({ project: going }), NOW)).toMatchObject({ notes: [{ reason: 'ProjectDeleted' }] });
  });

  it('is deleted an hour after its end, if the history knows of it', () => {
    const conditions = (seconds: number) => runConditions([], 'succeeded', 'Removed', '', 1, ago(seconds));
    const old = aRemoval({ conditions: conditions(3600) });
    expect(planRemoval(aWorld({ removal: old }), NOW)).toEqual({ step: 'delete' });
    expect(planRemoval(aWorld({ removal: old, needed: true }), NOW)).toEqual({ step: 'wait', requeueAfterMs: 60_000 });
    const young = aRemoval({ conditions: conditions(3000) });
    expect(planRemoval(aWorld({ removal: young }), NOW)).toEqual({ step: 'wait', requeueAfterMs: 600_000 });
  });
});

describe('namedBy', () => {
  it('knows a Build by the number that the API gave, before the operator has seen it', () => {
    const fresh = aBuild({}, undefined);
    fresh.metadata = { ...fresh.metadata, labels: { 'kopr.dev/id': '8' } };
    expect(namedBy(aRemoval(), [finished, fresh, aBuild({}, { id: 9 })])).toEqual([finished, fresh]);
  });
});
