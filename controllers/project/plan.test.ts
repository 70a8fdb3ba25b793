import { describe, expect, it } from 'vitest';
import type { Project } from '../../crds/project.ts';
import type { ProjectRepositories } from '../../lib/protocol/publisher.ts';
import type { ObjectMeta } from '../../operator/resource.ts';
import { aBuild, aChroot, ago, aProject, endedAs, NOW, readyStatus } from '../testing/objects.ts';
import type { ProjectPlan } from './plan.ts';
import { DELETE_BATCH, FINALIZER, planProject } from './plan.ts';
import type { ProjectWorld } from './world.ts';

const CHROOTS = ['pebble-13-x86_64', 'pebble-12-i386'].map((name) => aChroot(name));

function repositories(generation = 1): ProjectRepositories {
  const repo = { generation, packages: 0, repoURL: 'http://r.example/', repoFileURL: 'http://r.example/a.repo' };
  return {
    state: 'done',
    publicKeyFingerprint: 'F'.repeat(40),
    publicKeyURL: 'http://r.example/pubkey.gpg',
    chroots: CHROOTS.map(({ spec }) => ({ name: spec.name, ...repo })),
  };
}

function project(
  status: NonNullable<Project['status']> = { id: 4 },
  metadata: Partial<ObjectMeta> = {},
  spec: Partial<Project['spec']> = {},
): Project {
  const made = aProject(spec, status);
  return { ...made, metadata: { ...made.metadata, finalizers: [FINALIZER], ...metadata } };
}

function aWorld(more: Partial<ProjectWorld> = {}): ProjectWorld {
  return {
    project: project(),
    owner: { owner: 'demo' },
    conflict: undefined,
    nameTaken: undefined,
    chroots: new Map(CHROOTS.map((chroot) => [chroot.spec.name, chroot])),
    builds: [],
    published: new Map(),
    ...more,
  };
}

/** A Project as it is after the publisher has answered once. */
function settled(): Project {
  const plan = planProject(aWorld({ repositories: repositories() }), NOW);
  return project(statusOf(plan));
}

function statusOf(plan: ProjectPlan): NonNullable<Project['status']> {
  if (plan.step !== 'status') throw new Error(`the plan is ${plan.step}`);
  return plan.status;
}

function readiness(plan: ProjectPlan): { status: string; reason: string } | undefined {
  return statusOf(plan).conditions?.find(({ type }) => type === 'Ready');
}

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
