import { describe, expect, it } from 'vitest';
import { aBinaryStage, aBuild, ago, aProject, aSourceStage, endedAs, NOW } from '../testing/objects.ts';
import { planBuild } from './plan.ts';
import { aWorld, condition, importedStage, madeAt } from './testing/worlds.ts';

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

  it('skips chroots that the spec excludes, and builds the others', () => {
    const plan = planBuild(aWorld({ children: [importedStage({ excludeArch: ['i386'] })] }), NOW);
    expect(plan.create.map((child) => child.spec.chroot)).toEqual(['pebble-13-x86_64']);
    expect(plan.status?.chroots?.map(({ name, state }) => [name, state])).toEqual([
      ['pebble-13-x86_64', 'waiting'],
      ['pebble-12-i386', 'skipped'],
    ]);
  });

  it('ends well, as skipped, when every chroot is skipped', () => {
    const plan = planBuild(aWorld({ children: [importedStage({ exclusiveArch: ['s390x'] })] }), NOW);
    expect(plan.status).toMatchObject({ state: 'skipped', reason: 'AllChrootsSkipped', chrootSummary: '2/2' });
    expect(condition(plan, 'Succeeded')).toBe('True');
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
    const late = madeAt(ago(121));
    const world = { build: late, project: undefined };
    const running = aSourceStage({ state: 'running' });
    const first = planBuild(aWorld({ ...world, children: [running] }), NOW);
    expect(first.cancel).toHaveLength(1);
    expect(first.status?.reason).toBe('Cancelling');
    expect(condition(first, 'Complete')).toBe('False');
    const last = planBuild(aWorld({ ...world, children: [{ ...running, status: endedAs('canceled') }] }), NOW);
    expect(last.status).toMatchObject({ state: 'failed', reason: 'ProjectNotFound' });
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

  it('ends at once when its Project is deleted, and its stages with it', () => {
    const project = aProject();
    const metadata = { ...project.metadata, deletionTimestamp: ago(1) };
    const children = [aSourceStage({ state: 'running' })];
    const plan = planBuild(aWorld({ project: { ...project, metadata }, children }), NOW);
    expect(plan).toMatchObject({ cancel: [{ spec: { stage: 'source' } }], create: [] });
    expect(plan.status).toMatchObject({ state: 'canceled', reason: 'ProjectDeleted' });
    expect([condition(plan, 'Complete'), condition(plan, 'Succeeded')]).toEqual(['True', 'False']);
    const retained = { ...aProject({ deletionPolicy: 'Retain' }), metadata };
    expect(planBuild(aWorld({ project: retained, children }), NOW).status?.reason).toBe('ProjectNotFound');
  });

  it('takes note of a change after its end, and changes nothing else', () => {
    const build = aBuild({ ttlSecondsAfterFinished: 5 }, { id: 7, ...endedAs('succeeded') });
    const changed = { ...build, metadata: { ...build.metadata, generation: 2 } };
    const plan = planBuild(aWorld({ build: changed, project: undefined }), NOW);
    expect(plan).toMatchObject({ allocateID: false, create: [], cancel: [], notes: [] });
    const conditions = build.status?.conditions?.map((each) => ({ ...each, observedGeneration: 2 }));
    expect(plan.status).toEqual({ ...build.status, observedGeneration: 2, conditions });
    expect(
      planBuild(aWorld({ build: { ...changed, ...(plan.status ? { status: plan.status } : {}) } }), NOW).status,
    ).toBeUndefined();
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
