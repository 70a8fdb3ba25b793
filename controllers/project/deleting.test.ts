import { describe, expect, it } from 'vitest';
import type { Project } from '../../crds/project.ts';
import type { ObjectMeta } from '../../operator/resource.ts';
import { aBuild, ago, endedAs, NOW, readyStatus } from '../testing/objects.ts';
import { DELETE_BATCH, planProject } from './plan.ts';
import { aWorld, project } from './testing/worlds.ts';
import type { ProjectWorld } from './world.ts';

describe('planProject, when it is being deleted,', () => {
  const DELETING = { deletionTimestamp: ago(1) };
  const doomed = (spec: Partial<Project['spec']> = {}, metadata: Partial<ObjectMeta> = {}, status = readyStatus()) =>
    project(status, { ...DELETING, ...metadata }, spec);

  it.each<{ title: string; world: Partial<ProjectWorld>; plan: object }>([
    {
      title: 'lets go what it does not guard',
      world: { project: doomed({}, { finalizers: ['x'] }) },
      plan: { step: 'nothing' },
    },
    {
      title: 'retains repositories',
      world: { project: doomed({ deletionPolicy: 'Retain' }) },
      plan: { step: 'removeFinalizer' },
    },
    {
      title: 'deletes repositories when no build is left',
      world: { project: doomed() },
      plan: { step: 'deleteRepositories', owner: 'demo', name: 'hello' },
    },
    {
      title: 'deletes those of the owner it was made for',
      world: { project: doomed(), owner: { owner: 'renamed' } },
      plan: { step: 'deleteRepositories', owner: 'demo', name: 'hello' },
    },
    {
      title: 'deletes by the name that its repositories have',
      world: { project: doomed({ name: 'Hello_World' }) },
      plan: { step: 'deleteRepositories', owner: 'demo', name: 'Hello_World' },
    },
    {
      title: 'leaves to another Project what that has by its name',
      world: { project: doomed(), nameTaken: 'another one has it' },
      plan: { step: 'removeFinalizer' },
    },
    {
      title: 'has nothing to delete when it never had an owner',
      world: { project: doomed({}, {}, {}), owner: { problem: 'none' } },
      plan: { step: 'removeFinalizer' },
    },
  ])('$title', ({ world, plan }) => {
    expect(planProject(aWorld(world), NOW)).toEqual(plan);
  });

  it('deletes its builds first, the oldest first, so many at a time', () => {
    const builds = Array.from({ length: DELETE_BATCH + 5 }, (_, index) => {
      const build = aBuild({}, { id: 1, ...endedAs('failed') });
      return { ...build, metadata: { ...build.metadata, name: `b${index}`, creationTimestamp: ago(index) } };
    });
    const plan = planProject(aWorld({ project: doomed(), builds }), NOW);
    if (plan.step !== 'deleteBuilds') throw new Error(plan.step);
    expect(plan.builds).toHaveLength(DELETE_BATCH);
    expect(plan.builds[0]?.metadata.name).toBe(`b${DELETE_BATCH + 4}`);
  });

  it('lets builds that run end first, for a minute at most', () => {
    const builds = [aBuild(), aBuild({}, { id: 8, ...endedAs('canceled') })];
    const world = aWorld({ project: doomed(), builds });
    expect(planProject(world, NOW)).toEqual({ step: 'deleteBuilds', builds: [builds[1]] });
    expect(planProject({ ...world, builds: [aBuild()] }, NOW)).toEqual({ step: 'deleteBuilds', builds: [] });
    expect(planProject(world, NOW + 59_000)).toMatchObject({ builds: { length: 2 } });
  });

  it('waits for builds that are being deleted already', () => {
    const build = aBuild();
    const builds = [{ ...build, metadata: { ...build.metadata, ...DELETING } }];
    expect(planProject(aWorld({ project: doomed(), builds }), NOW)).toEqual({ step: 'deleteBuilds', builds: [] });
  });
});
