import { describe, expect, it } from 'vitest';
import type { Build } from '../../crds/build.ts';
import { aBuild, aProject, endedAs, NOW } from '../testing/objects.ts';
import { LONGEST_WAIT_MS, waitedFor } from './order.ts';
import { planBuild } from './plan.ts';
import { aWorld } from './testing/worlds.ts';

function other(name: string, id: number, namespace = 'demo'): Build {
  const build = aBuild({}, { id });
  return { ...build, metadata: { ...build.metadata, name, namespace, uid: `uid-${name}` } };
}

function messageOf(plan: ReturnType<typeof planBuild>): string {
  return plan.status?.conditions?.[0]?.message ?? '';
}

describe('a Build that comes after a batch', () => {
  const build = aBuild({ afterBatch: 3 });

  it('waits for all of it, by their names, and by number for those of others', () => {
    const batch = [other('a', 3), other('b', 4, 'elsewhere')];
    const plan = planBuild(aWorld({ build, batch }), NOW);
    expect(plan).toMatchObject({ create: [], status: { state: 'waiting', reason: 'AfterBatch' } });
    expect(messageOf(plan)).toBe('comes after batch 3: Build "a", 4');
  });

  it('names a few, and counts the others', () => {
    const batch = Array.from({ length: 9 }, (_, n) => other(`b${n}`, n + 10));
    expect(messageOf(planBuild(aWorld({ build, batch }), NOW))).toBe(
      'comes after batch 3: Build "b0", "b1", "b2", "b3", "b4" and 4 more',
    );
  });

  it('starts when none of it is left', () => {
    expect(planBuild(aWorld({ build }), NOW).create).toHaveLength(1);
  });

  it('does not wait for ever, and says so', () => {
    const world = aWorld({ build, batch: [other('a', 3)] });
    expect(planBuild(world, NOW).requeueAfterMs).toBe(3_600_000);
    const late = planBuild(world, NOW + LONGEST_WAIT_MS);
    expect(late.status).toMatchObject({ state: 'failed', reason: 'AfterTimedOut' });
    expect(messageOf(late)).toContain('waited 30 days');
  });

  it.each<{ title: string; spec: Partial<Build['spec']> }>([
    { title: 'its own number', spec: { afterBatch: 7 } },
    { title: 'the batch that it is in', spec: { batch: 3, afterBatch: 3 } },
    { title: 'its own number as its batch', spec: { batch: 7 } },
  ])('is refused when that is $title', ({ spec }) => {
    const plan = planBuild(aWorld({ build: aBuild(spec) }), NOW);
    expect(plan.status).toMatchObject({ state: 'failed', reason: 'BatchIsItself' });
  });

  it('may be in the batch of another one', () => {
    expect(planBuild(aWorld({ build: aBuild({ batch: 3 }) }), NOW).create).toHaveLength(1);
  });
});

describe('waitedFor', () => {
  const waiter = other('waiter', 9);
  const founder = other('founder', 3, 'elsewhere');
  const joined = (name: string, namespace: string, annotations: Record<string, string> = {}): Build => {
    const build = other(name, 5, namespace);
    return { ...build, metadata: { ...build.metadata, annotations }, spec: { ...build.spec, batch: 3 } };
  };
  const byAPI = { 'kopr.dev/submitter': 'alice' };

  it.each<{ title: string; members: Build[]; names: string[] }>([
    { title: 'who is at home there', members: [founder, joined('a', 'elsewhere')], names: ['founder', 'a'] },
    { title: 'who was let in', members: [founder, joined('a', 'third', byAPI)], names: ['founder', 'a'] },
    { title: 'nobody who was not', members: [founder, joined('a', 'demo'), joined('b', 'third')], names: ['founder'] },
    {
      title: 'its own when nobody knows whose it is',
      members: [joined('a', 'demo'), joined('b', 'third')],
      names: ['a'],
    },
    {
      title: 'nobody who has ended',
      members: [{ ...founder, status: { id: 3, ...endedAs('failed') } }, joined('a', 'elsewhere')],
      names: ['a'],
    },
  ])('has $title', ({ members, names }) => {
    expect(waitedFor(waiter, 3, members).map(({ metadata }) => metadata.name)).toEqual(names);
  });
});

describe('a Build in a directory', () => {
  const build = aBuild({ directory: 'pr:7' });
  const ready = (directories: string[]) => {
    const project = aProject({ name: 'Hello_World' });
    return { ...project, status: { ...project.status, directories } };
  };

  it('waits for the repositories of the directory, for ten minutes', () => {
    const world = aWorld({ build, project: ready(['Hello_World:pr:8']) });
    const plan = planBuild(world, NOW);
    expect(plan.status).toMatchObject({ state: 'waiting', reason: 'DirectoryNotReady' });
    expect(messageOf(plan)).toContain('"Hello_World:pr:7"');
    const begun = { ...build, status: { id: 7, ...plan.status } };
    expect(planBuild({ ...world, build: begun }, NOW + 600_000).status).toMatchObject({
      state: 'failed',
      reason: 'DirectoryNotReady',
    });
  });

  it('publishes there', () => {
    const plan = planBuild(aWorld({ build, project: ready(['Hello_World:pr:7']) }), NOW);
    expect(plan.create[0]?.spec).toMatchObject({ project: 'hello', dirname: 'Hello_World:pr:7' });
  });
});

describe('a Build that names no directory', () => {
  it('publishes to the project, by its name', () => {
    expect(planBuild(aWorld({ project: aProject({ name: 'Hello_World' }) }), NOW).create[0]?.spec.dirname).toBe(
      'Hello_World',
    );
  });
});
