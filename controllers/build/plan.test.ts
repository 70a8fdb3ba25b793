import { describe, expect, it } from 'vitest';
import type { Build } from '../../crds/build.ts';
import type { Chroot } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import {
  aBinaryStage,
  aBuild,
  aChroot,
  ago,
  aPackage,
  aProject,
  aSourceStage,
  endedAs,
  NOW,
} from '../testing/objects.ts';
import { planBuild } from './plan.ts';
import type { BuildWorld } from './world.ts';

const IMPORTED = {
  name: 'hello',
  version: '2.12-1',
  repo: 'demo/hello/hello',
  branches: { 'pebble-12': 'a'.repeat(40), 'pebble-13': 'b'.repeat(40) },
  exclusiveArch: [] as string[],
  excludeArch: [] as string[],
};

const CHROOTS = ['pebble-13-x86_64', 'pebble-12-i386'];
const NEW_CHROOT = 'pebble-14-x86_64';

function aWorld(more: Partial<BuildWorld> = {}): BuildWorld {
  const chroots = CHROOTS.map((name) => aChroot(name));
  return {
    build: aBuild(),
    project: aProject(),
    package: undefined,
    owner: 'demo',
    cycle: undefined,
    chroots: new Map(chroots.map((chroot) => [chroot.spec.name, chroot])),
    children: [],
    strangers: [],
    after: new Map(),
    ...more,
  };
}

function importedStage(imported: Partial<typeof IMPORTED> = {}): ChrootBuild {
  return aSourceStage({ ...endedAs('succeeded'), imported: { ...IMPORTED, ...imported } });
}

function condition(plan: { status: Build['status'] }, type: string): string | undefined {
  return plan.status?.conditions?.find((c) => c.type === type)?.status;
}

describe('planBuild', () => {
  it('takes a number before it does anything else', () => {
    const plan = planBuild(aWorld({ build: aBuild({}, {}) }), NOW);
    expect(plan).toMatchObject({ allocateID: true, create: [], status: undefined });
  });

  it('starts with the source stage, on one branch per distribution', () => {
    const plan = planBuild(aWorld(), NOW);
    expect(plan.create).toHaveLength(1);
    expect(plan.create[0]).toMatchObject({
      metadata: { name: 'hello-1.source', ownerReferences: [{ uid: 'uid-hello-1', controller: true }] },
      spec: {
        stage: 'source',
        chroot: 'srpm-builds',
        buildID: 7,
        branches: ['pebble-12', 'pebble-13'],
        timeoutSeconds: 18000,
      },
    });
    expect(plan.status).toMatchObject({ state: 'pending', reason: 'BuildingSource', chrootSummary: '0/2' });
    expect(condition(plan, 'Complete')).toBe('False');
    expect(condition(plan, 'Succeeded')).toBe('Unknown');
  });

  it('makes one binary stage per chroot from the commit of its branch', () => {
    const plan = planBuild(aWorld({ children: [importedStage()] }), NOW);
    expect(plan.create.map((child) => [child.metadata.name, child.spec.package?.commit[0]])).toEqual([
      ['hello-1.pebble-13-x86-64', 'b'],
      ['hello-1.pebble-12-i386', 'a'],
    ]);
    expect(plan.status).toMatchObject({ package: 'hello', version: '2.12-1', packageVersion: 'hello-2.12-1' });
  });

  it('creates nothing twice', () => {
    const children = [importedStage(), aBinaryStage('pebble-13-x86_64'), aBinaryStage('pebble-12-i386')];
    expect(planBuild(aWorld({ children }), NOW).create).toEqual([]);
  });

  it('succeeds when every chroot has', () => {
    const ended = endedAs('succeeded');
    const children = [importedStage(), aBinaryStage('pebble-13-x86_64', ended), aBinaryStage('pebble-12-i386', ended)];
    const plan = planBuild(aWorld({ children }), NOW);
    expect(plan.status).toMatchObject({ state: 'succeeded', reason: 'Published', chrootSummary: '2/2' });
    expect([condition(plan, 'Complete'), condition(plan, 'Succeeded')]).toEqual(['True', 'True']);
    expect(plan.notes).toMatchObject([{ type: 'Normal', reason: 'Published' }]);
  });

  it('fails with the first reason when one chroot fails, but only after all have ended', () => {
    const good = aBinaryStage('pebble-13-x86_64');
    const bad = aBinaryStage('pebble-12-i386', endedAs('failed', 'BuildFailed', 'rpmbuild said no'));
    expect(condition(planBuild(aWorld({ children: [importedStage(), good, bad] }), NOW), 'Complete')).toBe('False');
    const children = [importedStage(), { ...good, status: endedAs('succeeded') }, bad];
    const plan = planBuild(aWorld({ children }), NOW);
    expect(plan.status).toMatchObject({ state: 'failed', reason: 'BuildFailed' });
    expect(plan.status?.conditions?.[0]?.message).toContain('1 of 2 chroots failed (pebble-12-i386): rpmbuild said no');
  });

  it('fails when the source stage fails, and its chroots with it', () => {
    const children = [aSourceStage(endedAs('failed', 'SourceFetchFailed', 'no such host'))];
    const plan = planBuild(aWorld({ children }), NOW);
    expect(plan.status).toMatchObject({ state: 'failed', reason: 'SourceFetchFailed' });
    expect(plan.status?.chroots?.map((entry) => entry.state)).toEqual(['failed', 'failed']);
  });

  it.each([
    { title: 'ExclusiveArch without it', exclusiveArch: ['x86_64'], excludeArch: [], skipped: ['pebble-12-i386'] },
    {
      title: 'ExclusiveArch by a name of its family',
      exclusiveArch: ['i686'],
      excludeArch: [],
      skipped: ['pebble-13-x86_64'],
    },
    { title: 'ExcludeArch', exclusiveArch: [], excludeArch: ['i386'], skipped: ['pebble-12-i386'] },
    { title: 'ExclusiveArch noarch', exclusiveArch: ['noarch'], excludeArch: [], skipped: [] },
  ])('skips chroots by $title', ({ exclusiveArch, excludeArch, skipped }) => {
    const plan = planBuild(aWorld({ children: [importedStage({ exclusiveArch, excludeArch })] }), NOW);
    expect(plan.create).toHaveLength(2 - skipped.length);
    const names = plan.status?.chroots?.filter((entry) => entry.state === 'skipped').map((entry) => entry.name);
    expect(names).toEqual(skipped);
  });

  it('ends well, as skipped, when every chroot is skipped', () => {
    const plan = planBuild(aWorld({ children: [importedStage({ exclusiveArch: ['s390x'] })] }), NOW);
    expect(plan.status).toMatchObject({ state: 'skipped', reason: 'AllChrootsSkipped', chrootSummary: '2/2' });
    expect(condition(plan, 'Succeeded')).toBe('True');
  });

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
    const build = { ...aBuild(), metadata: { ...aBuild().metadata, creationTimestamp: ago(120) } };
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

  it('cancels the stages first and itself when they have ended', () => {
    const build = aBuild({ cancelled: true });
    const running = aBinaryStage('pebble-13-x86_64', { state: 'running' });
    const first = planBuild(aWorld({ build, children: [importedStage(), running] }), NOW);
    expect(first.cancel.map((child) => child.spec.chroot)).toEqual(['pebble-13-x86_64']);
    expect(condition(first, 'Complete')).toBe('False');
    const cancelled = { ...running, status: endedAs('canceled') };
    const last = planBuild(aWorld({ build, children: [importedStage(), cancelled] }), NOW);
    expect(last.status).toMatchObject({ state: 'canceled', reason: 'Cancelled' });
    expect([condition(last, 'Complete'), condition(last, 'Succeeded')]).toEqual(['True', 'False']);
  });

  it('ends what was made just before its end, unseen', () => {
    const build = aBuild({ cancelled: true }, { id: 7, ...endedAs('canceled') });
    const plan = planBuild(aWorld({ build, children: [aSourceStage({ state: 'running' })] }), NOW);
    expect(plan).toMatchObject({ cancel: [{ spec: { stage: 'source' } }], create: [], status: undefined });
  });

  it('ends its stages before it fails for what it refers to', () => {
    const late = { ...aBuild(), metadata: { ...aBuild().metadata, creationTimestamp: ago(121) } };
    const world = { build: late, project: undefined };
    const running = aSourceStage({ state: 'running' });
    const first = planBuild(aWorld({ ...world, children: [running] }), NOW);
    expect(first.cancel).toHaveLength(1);
    expect(first.status?.reason).toBe('Cancelling');
    expect(condition(first, 'Complete')).toBe('False');
    const last = planBuild(aWorld({ ...world, children: [{ ...running, status: endedAs('canceled') }] }), NOW);
    expect(last.status).toMatchObject({ state: 'failed', reason: 'ProjectNotFound' });
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
    const plan = planBuild(aWorld({ build: aBuild({ after: ['b'] }), cycle: ['b', 'hello-1'] }), NOW);
    expect(plan.status).toMatchObject({ state: 'failed', reason: 'AfterCycle' });
    expect(plan.status?.conditions?.[0]?.message).toContain('"hello-1" after "b" after "hello-1"');
  });

  it('fails with what the Project says when that is not ready for ten minutes', () => {
    const notReady = { type: 'Ready', status: 'False', reason: 'OwnerNotValid', message: 'no such owner' } as const;
    const project = aProject({}, { conditions: [{ ...notReady, lastTransitionTime: ago(601) }] });
    const build = { ...aBuild(), metadata: { ...aBuild().metadata, creationTimestamp: ago(601) } };
    const plan = planBuild(aWorld({ build, project }), NOW);
    expect(plan.status).toMatchObject({ state: 'failed', reason: 'ProjectNotReady' });
    expect(plan.status?.conditions?.[0]?.message).toContain('no such owner');
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

  it('shows the place in the queue of the stage that comes first', () => {
    const waiting = (position: number) => ({ phase: 'Waiting', queuePosition: position, message: 'all busy' }) as const;
    const children = [
      importedStage(),
      aBinaryStage('pebble-13-x86_64', waiting(9)),
      aBinaryStage('pebble-12-i386', waiting(4)),
    ];
    expect(planBuild(aWorld({ children }), NOW).status?.queue).toEqual({ position: 4, message: 'all busy' });
  });

  it('labels its stages with names that labels can have', () => {
    const build = aBuild();
    const name = `${'b'.repeat(62)}.${'c'.repeat(50)}`;
    const plan = planBuild(aWorld({ build: { ...build, metadata: { ...build.metadata, name } } }), NOW);
    expect(plan.create[0]?.metadata.labels?.['kopr.dev/build']).toMatch(/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/);
  });

  it('never touches a build that has ended, whatever became of its stages', () => {
    const build = aBuild({}, { id: 7, ...endedAs('succeeded') });
    expect(planBuild(aWorld({ build, project: undefined }), NOW)).toEqual({
      allocateID: false,
      create: [],
      cancel: [],
      status: undefined,
      notes: [],
    });
  });
});

function endOfLife(): Map<string, Chroot> {
  return new Map(CHROOTS.map((name) => [name, aChroot(name, { state: 'EndOfLife' })]));
}

function packageBuild(): Build {
  const { source: _source, ...spec } = aBuild().spec;
  return { ...aBuild(), spec: { ...spec, package: 'greet' } };
}
