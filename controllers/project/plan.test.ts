import { describe, expect, it } from 'vitest';
import { aBuild, ago, endedAs, NOW } from '../testing/objects.ts';
import { FINALIZER, planProject } from './plan.ts';
import { aWorld, project, readiness, repositories, settled, statusOf } from './testing/worlds.ts';
import type { ProjectWorld } from './world.ts';

describe('planProject', () => {
  it('sets its finalizer before anything is made outside the cluster', () => {
    expect(planProject(aWorld({ project: project({ id: 4 }, { finalizers: [] }) }), NOW)).toEqual({
      step: 'addFinalizer',
    });
  });

  it('asks the publisher for a repository per chroot', () => {
    const plan = planProject(aWorld(), NOW);
    expect(plan).toEqual({
      step: 'ensureRepositories',
      owner: 'demo',
      name: 'hello',
      directories: [],
      request: {
        chroots: [
          { name: 'pebble-13-x86_64', architecture: 'x86_64' },
          { name: 'pebble-12-i386', architecture: 'i386' },
        ],
        develMode: false,
        repoFile: { moduleHotfixes: false },
      },
    });
  });

  it('is ready when the publisher has them', () => {
    const plan = planProject(aWorld({ repositories: repositories() }), NOW);
    expect(readiness(plan)).toMatchObject({ status: 'True', reason: 'Ready' });
    expect(statusOf(plan)).toMatchObject({ owner: 'demo', ready: 'True', chrootCount: 2, observedGeneration: 1 });
  });

  it('polls while the publisher works, not ready the first time', () => {
    const plan = planProject(aWorld({ repositories: 'pending' }), NOW);
    expect(readiness(plan)).toMatchObject({ status: 'False', reason: 'CreatingRepositories' });
    expect(plan).toMatchObject({ requeueAfterMs: 1000 });
    expect(statusOf(plan).observedGeneration).toBeUndefined();
  });

  it('stays ready while something is added to it', () => {
    const plan = planProject(aWorld({ project: settled(), repositories: 'pending' }), NOW);
    expect(readiness(plan)).toMatchObject({ status: 'True' });
    expect(statusOf(plan).chroots).toHaveLength(2);
  });

  it('asks a publisher that does not answer again in ten seconds, and says so unless it was ready', () => {
    const repositories = { unavailable: 'reset' };
    const fresh = planProject(aWorld({ repositories }), NOW);
    expect(fresh).toMatchObject({ requeueAfterMs: 10_000, status: { ready: 'False' } });
    const condition = fresh.step === 'status' ? fresh.status.conditions?.[0] : undefined;
    expect(condition).toMatchObject({ reason: 'PublisherUnavailable', message: expect.stringContaining('reset') });
    const ready = planProject(aWorld({ project: settled(), repositories }), NOW);
    expect(ready).toMatchObject({ requeueAfterMs: 10_000, status: { ready: 'True' } });
  });

  it('tells the words of a publisher that refuses', () => {
    const refused = { refused: { code: 'BadName', message: 'no such owner' } };
    expect(readiness(planProject(aWorld({ repositories: refused }), NOW))).toMatchObject({
      status: 'False',
      reason: 'BadName',
      message: 'no such owner',
    });
  });

  it.each<{ title: string; world: Partial<ProjectWorld>; asks: boolean }>([
    { title: 'nothing has changed', world: {}, asks: false },
    {
      title: 'the spec has changed',
      world: { project: { ...settled(), metadata: { ...settled().metadata, generation: 2 } } },
      asks: true,
    },
    { title: 'a build has been published since', world: { published: new Map([['pebble-13-x86_64', 2]]) }, asks: true },
    { title: 'its own state is the newest', world: { published: new Map([['pebble-13-x86_64', 1]]) }, asks: false },
    {
      title: 'a build was published for a chroot it had once',
      world: { published: new Map([['old', 9]]) },
      asks: false,
    },
    { title: 'it never was ready', world: { project: project() }, asks: true },
  ])('asks again when $title: $asks', ({ world, asks }) => {
    const plan = planProject(aWorld({ project: settled(), ...world }), NOW);
    expect(plan.step).toBe(asks ? 'ensureRepositories' : 'status');
  });

  it('keeps to the owner that its repositories were made for', () => {
    const plan = planProject(aWorld({ project: settled(), owner: { owner: '@team' } }), NOW);
    expect(plan).toMatchObject({ step: 'status', status: { ready: 'False', owner: settled().status?.owner } });
  });

  it('never deletes the repositories of an owner that is in conflict', () => {
    const doomed = {
      ...project(),
      metadata: { ...settled().metadata, deletionTimestamp: ago(1), finalizers: [FINALIZER] },
    };
    const plan = planProject(aWorld({ project: doomed, builds: [], conflict: 'another one has it' }), NOW);
    expect(plan.step).toBe('removeFinalizer');
  });

  it('counts its builds', () => {
    const builds = [
      aBuild(),
      aBuild({}, { id: 1, ...endedAs('succeeded') }),
      aBuild({}, { id: 2, ...endedAs('failed') }),
      aBuild({}, { id: 3, ...endedAs('canceled') }),
    ];
    const plan = planProject(aWorld({ project: settled(), builds }), NOW);
    expect(statusOf(plan).builds).toEqual({ total: 4, active: 1, succeeded: 1, failed: 2 });
  });

  it.each<{ title: string; world: Partial<ProjectWorld>; reason: string; says: string }>([
    {
      title: 'its owner cannot be',
      world: { owner: { problem: 'an owner is letters' } },
      reason: 'OwnerNotValid',
      says: 'an owner is letters',
    },
    {
      title: 'another namespace has its owner',
      world: { conflict: 'owner "demo" already belongs to namespace a' },
      reason: 'OwnerNotValid',
      says: 'namespace a',
    },
    { title: 'a chroot is unknown', world: { chroots: new Map() }, reason: 'ChrootNotFound', says: 'pebble-12-i386' },
  ])('is not ready, and looks again, when $title', ({ world, reason, says }) => {
    const plan = planProject(aWorld(world), NOW);
    expect(readiness(plan)).toMatchObject({ status: 'False', reason, message: expect.stringContaining(says) });
    expect(plan).toMatchObject({ requeueAfterMs: 15_000 });
  });
});
