import { describe, expect, it } from 'vitest';
import type { Build } from '../../crds/build.ts';
import type { Chroot } from '../../crds/chroot.ts';
import { aBuild, aChroot, ago, aPackage, aProject, aSourceStage, endedAs, NOW } from '../testing/objects.ts';
import { planBuild } from './plan.ts';
import { aWorld, CHROOTS, condition, importedStage, madeAt } from './testing/worlds.ts';
import type { BuildWorld } from './world.ts';

const READY = { type: 'Ready', status: 'True', reason: 'Ready', message: '' } as const;
const NEW_CHROOT = 'pebble-14-x86_64';

describe('a Build that refers to other things', () => {
  it.each<{ title: string; world: Partial<BuildWorld>; reason: string }>([
    { title: 'the project is missing', world: { project: undefined }, reason: 'ProjectNotFound' },
    { title: 'the package is missing', world: { build: packageBuild() }, reason: 'PackageNotFound' },
    { title: 'a chroot object is missing', world: { chroots: new Map() }, reason: 'ChrootNotFound' },
    { title: 'the project is not ready', world: { project: aProject({}, {}) }, reason: 'ProjectNotReady' },
    { title: 'the project is suspended', world: { project: aProject({ suspend: true }) }, reason: 'ProjectSuspended' },
    {
      title: 'another build comes first',
      world: { build: aBuild({ after: ['b'] }), after: new Map([['b', aBuild()]]) },
      reason: 'AfterBuild',
    },
    {
      title: 'an earlier build of its name is still there',
      world: { strangers: [aSourceStage()] },
      reason: 'NameInUse',
    },
  ])('waits while $title', ({ world, reason }) => {
    const plan = planBuild(aWorld(world), NOW);
    expect(plan.create).toEqual([]);
    expect(plan.status).toMatchObject({ state: 'waiting', reason });
    expect(condition(plan, 'Complete')).toBe('False');
    expect(plan.status?.queue?.message).not.toBe('');
  });

  it('gives up on a missing project after two minutes, and wakes up exactly then', () => {
    const fresh = planBuild(aWorld({ project: undefined }), NOW);
    expect(fresh.requeueAfterMs).toBe(110_000);
    const build = madeAt(ago(120));
    const late = planBuild(aWorld({ build, project: undefined }), NOW);
    expect(late.status).toMatchObject({ state: 'failed', reason: 'ProjectNotFound' });
  });

  it('fails at once when a chroot is not of the project, naming those that are', () => {
    const plan = planBuild(aWorld({ build: aBuild({ chroots: ['fedora-43-x86_64'] }) }), NOW);
    expect(plan.status).toMatchObject({ state: 'failed', reason: 'ChrootNotInProject' });
    expect(plan.status?.conditions?.[0]?.message).toContain('it has pebble-13-x86_64, pebble-12-i386');
  });

  it('takes the source of the package that it names', () => {
    const plan = planBuild(aWorld({ build: packageBuild(), package: aPackage() }), NOW);
    expect(plan.create[0]?.spec.source).toEqual({ git: { url: 'https://git.example/greet.git' } });
  });

  it('fails when the package that it names has no source', () => {
    const { source: _source, ...spec } = aPackage().spec;
    const plan = planBuild(aWorld({ build: packageBuild(), package: { ...aPackage(), spec } }), NOW);
    expect(plan.status).toMatchObject({ state: 'failed', reason: 'PackageWithoutSource' });
  });

  it('fails, after its stages have ended, when its Project has none of its chroots any more', () => {
    const project = aProject({ chroots: [NEW_CHROOT] });
    const world = aWorld({
      build: aBuild({ chroots: CHROOTS }),
      project,
      children: [aSourceStage({ state: 'running' })],
    });
    expect(planBuild(world, NOW)).toMatchObject({ cancel: [{ spec: { stage: 'source' } }] });
    const last = planBuild({ ...world, children: [aSourceStage(endedAs('canceled'))] }, NOW);
    expect(last.status).toMatchObject({ state: 'failed', reason: 'ChrootNotInProject' });
  });

  it('does not let other chroots suffer when one is taken out of its Project', () => {
    const build = aBuild({ chroots: CHROOTS });
    const project = aProject({ chroots: ['pebble-13-x86_64'] });
    const plan = planBuild(aWorld({ build, project, children: [importedStage()] }), NOW);
    expect(plan.create.map((child) => child.spec.chroot)).toEqual(['pebble-13-x86_64']);
    expect(condition(plan, 'Complete')).toBe('False');
  });

  it('fails when it would wait for itself, and names the circle', () => {
    const b = { ...aBuild(), metadata: { ...aBuild().metadata, name: 'b' } };
    const plan = planBuild(aWorld({ build: aBuild({ after: ['b'] }), cycle: [b] }), NOW);
    expect(plan.status).toMatchObject({ state: 'failed', reason: 'AfterCycle' });
    expect(plan.status?.conditions?.[0]?.message).toContain('"hello-1" after "b" after "hello-1"');
  });

  it('fails with what the Project says when that is not ready for ten minutes', () => {
    const notReady = { type: 'Ready', status: 'False', reason: 'OwnerNotValid', message: 'no such owner' } as const;
    const project = aProject({}, { conditions: [{ ...notReady, lastTransitionTime: ago(601) }] });
    const build = madeAt(ago(601));
    const plan = planBuild(aWorld({ build, project }), NOW);
    expect(plan.status).toMatchObject({ state: 'failed', reason: 'ProjectNotReady' });
    expect(plan.status?.conditions?.[0]?.message).toContain('no such owner');
  });

  it('waits no longer than that for a Project that never says whether it is ready, as long as kopr could look', () => {
    const project = aProject({}, {});
    const since = (lastTransitionTime: string) => {
      const condition = { type: 'Complete', status: 'False', reason: 'Test', message: '', lastTransitionTime } as const;
      return madeAt(ago(9_000), aBuild({}, { id: 7, conditions: [condition] }));
    };
    expect(planBuild(aWorld({ build: madeAt(ago(9_000)), project }), NOW)).toMatchObject({
      status: { state: 'waiting', reason: 'ProjectNotReady' },
      requeueAfterMs: 600_000,
    });
    expect(planBuild(aWorld({ build: since(ago(599)), project }), NOW).requeueAfterMs).toBe(1_000);
    const late = planBuild(aWorld({ build: since(ago(600)), project }), NOW);
    expect(late.status).toMatchObject({ state: 'failed', reason: 'ProjectNotReady' });
  });

  it('waits no longer than that for the owner of a Project that is ready', () => {
    const soon = planBuild(aWorld({ owner: undefined }), NOW);
    expect(soon).toMatchObject({ status: { reason: 'ProjectNotReady' }, requeueAfterMs: 590_000 });
    const project = aProject({}, { conditions: [{ ...READY, lastTransitionTime: ago(700) }] });
    const late = planBuild(aWorld({ build: madeAt(ago(600)), project, owner: undefined }), NOW);
    expect(late.status).toMatchObject({ state: 'failed', reason: 'ProjectNotReady' });
    expect(late.status?.conditions?.[0]?.message).toContain('it has no owner yet');
  });

  it.each<{ title: string; world: Partial<BuildWorld> }>([
    { title: 'its Package is deleted', world: { build: packageBuild(), package: undefined } },
    { title: 'a chroot comes to its end of life', world: { chroots: endOfLife() } },
    { title: 'a chroot is added to its Project', world: { project: aProject({ chroots: [...CHROOTS, NEW_CHROOT] }) } },
  ])('goes on with what it began with when $title', ({ world }) => {
    const known = world.chroots ?? aWorld().chroots;
    const chroots = new Map([...known, [NEW_CHROOT, aChroot(NEW_CHROOT)] as const]);
    const plan = planBuild(aWorld({ children: [importedStage()], ...world, chroots }), NOW);
    expect(plan.create.map((child) => child.spec.chroot)).toEqual(CHROOTS);
  });

  it('takes no Build at its end of life that has not begun', () => {
    const plan = planBuild(aWorld({ chroots: endOfLife() }), NOW);
    expect(plan.status).toMatchObject({ state: 'failed', reason: 'ChrootEndOfLife' });
  });

  it('gives up on a Build to come after that is not there after two minutes', () => {
    const build = aBuild({ after: ['b'] });
    const waits = planBuild(aWorld({ build }), NOW);
    expect(waits).toMatchObject({
      status: { state: 'waiting', reason: 'AfterBuildNotFound' },
      requeueAfterMs: 110_000,
    });
    expect(planBuild(aWorld({ build }), NOW + 110_000).status).toMatchObject({
      state: 'failed',
      reason: 'AfterBuildNotFound',
    });
  });

  it('goes on when the Build that it comes after has ended, well or not', () => {
    const after = new Map([['b', aBuild({}, { id: 1, ...endedAs('failed') })]]);
    expect(planBuild(aWorld({ build: aBuild({ after: ['b'] }), after }), NOW).create).toHaveLength(1);
  });
});

function endOfLife(): Map<string, Chroot> {
  return new Map(CHROOTS.map((name) => [name, aChroot(name, { state: 'EndOfLife' })]));
}

function packageBuild(): Build {
  const { source: _source, ...spec } = aBuild().spec;
  return { ...aBuild(), spec: { ...spec, package: 'greet' } };
}
