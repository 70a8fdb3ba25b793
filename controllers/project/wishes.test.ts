import { describe, expect, it } from 'vitest';
import type { Project } from '../../crds/project.ts';
import type { ObjectMeta } from '../../operator/resource.ts';
import { aBuild, ago, aProject, endedAs, NOW } from '../testing/objects.ts';
import { planProject } from './plan.ts';
import { aWorld, project, readiness, repositories, settled, statusOf } from './testing/worlds.ts';

describe('what a Project is and was', () => {
  it('takes a number before it does anything else', () => {
    expect(planProject(aWorld({ project: project({}, { finalizers: [] }) }), NOW)).toEqual({ step: 'allocateID' });
  });

  it('keeps its number, its name and what else is known', () => {
    const before = { id: 4, directories: ['hello:pr:1'], regenerated: 'once' };
    const plan = planProject(aWorld({ project: project(before), repositories: 'pending' }), NOW);
    expect(statusOf(plan)).toMatchObject(before);
    const named = project({ id: 4 }, {}, { name: 'Hello_World' });
    expect(statusOf(planProject(aWorld({ project: named, repositories: repositories() }), NOW)).name).toBe(
      'Hello_World',
    );
  });

  it('is not ready while another Project has its name', () => {
    const plan = planProject(aWorld({ nameTaken: 'the name "hello" already belongs to Project "a"' }), NOW);
    expect(readiness(plan)).toMatchObject({ status: 'False', reason: 'NameTaken' });
  });

  it('asks for what its options and chroots say', () => {
    const options = { ...aProject().spec.options, develMode: true };
    const comps = { name: 'comps.xml', content: '<comps/>' };
    const spec = { name: 'Hello_World', options, chrootSettings: [{ name: 'pebble-12-i386', comps }] };
    const annotations = { 'kopr.dev/regenerate-repos': 'now' };
    expect(planProject(aWorld({ project: project({ id: 4 }, { annotations }, spec) }), NOW)).toMatchObject({
      name: 'Hello_World',
      request: {
        develMode: true,
        regenerate: 'now',
        chroots: [{ name: 'pebble-13-x86_64' }, { name: 'pebble-12-i386', comps: '<comps/>' }],
      },
    });
  });

  it('does not show what its status has no place for', () => {
    const answer = repositories();
    const chroots = answer.chroots.map((chroot) => ({ ...chroot, develURL: 'http://r.example/devel/' }));
    const plan = planProject(aWorld({ repositories: { ...answer, chroots } }), NOW);
    expect(statusOf(plan).chroots?.[0]).not.toHaveProperty('develURL');
  });
});

describe('a wish for new metadata', () => {
  const annotations = { 'kopr.dev/regenerate-repos': 'second' };
  const wishing = (regenerated?: string): Project => {
    const made = settled();
    const { status = {}, metadata } = made;
    return {
      ...made,
      metadata: { ...metadata, annotations },
      status: { ...status, ...(regenerated === undefined ? {} : { regenerated }) },
    };
  };

  it('is passed on, with all directories, and shown when it is done', () => {
    const made = wishing('first');
    const withDirectory = { ...made, status: { ...made.status, directories: ['hello:pr:1'] } };
    expect(planProject(aWorld({ project: withDirectory }), NOW)).toMatchObject({
      step: 'ensureRepositories',
      request: { regenerate: 'second' },
      directories: ['hello:pr:1'],
    });
    const answers = { repositories: repositories(), directories: { done: ['hello:pr:1'], pending: [], refused: [] } };
    const done = planProject(aWorld({ project: withDirectory, ...answers }), NOW);
    expect(statusOf(done).regenerated).toBe('second');
  });

  it('is not done before it is done in all directories', () => {
    const directories = { done: [], pending: ['hello:pr:1'], refused: [] };
    const plan = planProject(aWorld({ project: wishing('first'), repositories: repositories(), directories }), NOW);
    expect(plan).toMatchObject({ status: { regenerated: 'first', ready: 'True' }, requeueAfterMs: 1000 });
  });

  it('is fulfilled once', () => {
    expect(planProject(aWorld({ project: wishing('second') }), NOW).step).toBe('status');
  });
});

describe('directories', () => {
  const waiting = (directory: string) => aBuild({ directory });

  it('are asked for when unfinished Builds name them, and listed when they are there', () => {
    const builds = [
      waiting('pr:2'),
      waiting('pr:1'),
      waiting('pr:2'),
      aBuild({ directory: 'pr:3' }, { id: 1, ...endedAs('failed') }),
    ];
    const made = settled();
    const plan = planProject(aWorld({ project: made, builds }), NOW);
    expect(plan).toMatchObject({ step: 'ensureRepositories', directories: ['hello:pr:1', 'hello:pr:2'] });
    const directories = { done: ['hello:pr:1'], pending: ['hello:pr:2'], refused: [] };
    const some = planProject(aWorld({ project: made, builds, repositories: repositories(), directories }), NOW);
    expect(some).toMatchObject({ status: { directories: ['hello:pr:1'], ready: 'True' }, requeueAfterMs: 1000 });
  });

  it('stay in the list, and are told of new settings', () => {
    const made = settled();
    const old = { ...made, status: { ...made.status, directories: ['hello:pr:1'] } };
    expect(planProject(aWorld({ project: old }), NOW)).toMatchObject({
      step: 'status',
      status: { directories: ['hello:pr:1'] },
    });
    const changed = { ...old, metadata: { ...old.metadata, generation: 2 } };
    expect(planProject(aWorld({ project: changed }), NOW)).toMatchObject({ directories: ['hello:pr:1'] });
    const directories = { done: [], pending: ['hello:pr:1'], refused: [] };
    const half = planProject(aWorld({ project: changed, repositories: repositories(), directories }), NOW);
    expect(half).toMatchObject({ status: { observedGeneration: 1 } });
  });

  it('that the publisher refuses do no harm to the others', () => {
    const refused = [{ dirname: 'hello:pr:1', code: 'InvalidName', message: 'it is too long' }];
    const directories = { done: ['hello:pr:2'], pending: [], refused };
    const plan = planProject(aWorld({ repositories: repositories(), directories }), NOW);
    expect(readiness(plan)).toMatchObject({ status: 'True', message: expect.stringContaining('it is too long') });
    expect(statusOf(plan).directories).toEqual(['hello:pr:2']);
  });
});

describe('a Project with an end', () => {
  const ending = (seconds: number, metadata: Partial<ObjectMeta> = {}): Project => {
    const made = settled();
    return { ...made, metadata: { ...made.metadata, ...metadata }, spec: { ...made.spec, expiresAt: ago(seconds) } };
  };

  it.each([
    { title: 'in a week', seconds: -604_800, requeueAfterMs: 3_600_000 },
    { title: 'in a minute', seconds: -60, requeueAfterMs: 60_000 },
  ])('$title looks again in time', ({ seconds, requeueAfterMs }) => {
    expect(planProject(aWorld({ project: ending(seconds) }), NOW)).toMatchObject({ step: 'status', requeueAfterMs });
  });

  it('is deleted then, once no Build runs, whatever else is wrong with it', () => {
    const finished = aBuild({}, { id: 1, ...endedAs('succeeded') });
    const world = aWorld({ project: ending(0), owner: { problem: 'none' }, builds: [finished] });
    expect(planProject(world, NOW)).toEqual({ step: 'expire' });
    expect(planProject({ ...world, builds: [finished, aBuild()] }, NOW).step).toBe('status');
  });

  it('stays when a GitOps tool would make it again, and says so', () => {
    const annotations = { 'argocd.argoproj.io/tracking-id': 'x' };
    const plan = planProject(aWorld({ project: ending(60, { annotations }) }), NOW);
    expect(readiness(plan)).toMatchObject({ status: 'True', message: expect.stringContaining('it has expired') });
  });
});
