import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database, RecordedBuild } from './database.ts';
import { openTestDatabase } from './testing/open.ts';
import type { TestPostgres } from './testing/postgres.ts';
import { startPostgres } from './testing/postgres.ts';
import { aProjectRow, aRecordedBuild, aRecordedChroot } from './testing/rows.ts';

let postgres: TestPostgres;
let db: Database;

beforeAll(async () => {
  postgres = await startPostgres();
});

afterAll(() => postgres?.stop());

beforeEach(async () => {
  await db?.close();
  db = await openTestDatabase(await postgres.createDatabase());
});

afterAll(() => db?.close());

const PROJECT = 'uid-hello';
const PAGE = { limit: 10, offset: 0 };
const ids = (rows: readonly { id: number }[]): number[] => rows.map(({ id }) => id);

async function record(...builds: RecordedBuild[]): Promise<void> {
  for (const build of builds) expect(await db.builds.record(build)).toBe(true);
}

describe('a recorded build', () => {
  const nevra = { name: 'hello', epoch: 1, version: '2', release: '3', arch: 'x86_64' };
  const full = aRecordedBuild(7, {
    chroots: [
      aRecordedChroot('fedora-43-x86_64', { state: 'failed', reason: 'BuildFailed', message: 'no', packages: [nevra] }),
      aRecordedChroot('srpm-builds', { startedOn: null, logURL: 'http://log.test/' }),
    ],
  });

  it('comes back as it was', async () => {
    await record(full);
    const { spec, project, ...row } = (await db.builds.get(7)) as Awaited<ReturnType<typeof db.builds.get>> & object;
    expect(row).toEqual({ ...full.build, projectUID: PROJECT });
    expect(spec).toEqual({ project: 'hello' });
    expect(project).toEqual(aProjectRow());
    expect(await db.builds.list({ project: PROJECT }, PAGE)).toEqual([row]);
    expect(await db.builds.byNumbers([7, 8])).toEqual([{ ...row, spec, project }]);
    const [binary, source] = full.chroots.map(({ packages: _packages, ...chroot }) => ({ ...chroot, build: 7 }));
    expect(await db.builds.chroots(7)).toEqual([source, binary]);
    expect(await db.builds.nevras(7)).toEqual(new Map([['fedora-43-x86_64', [nevra]]]));
  });

  it('is recorded once, and not changed by the next attempt', async () => {
    await record(full);
    expect(await db.builds.record(aRecordedBuild(7, { build: { state: 'failed' } }))).toBe(false);
    expect((await db.builds.get(7))?.state).toBe('succeeded');
    expect(await db.builds.recorded([6, 7])).toEqual([7]);
  });

  it('is not taken for another one with its number', async () => {
    await record(full);
    await expect(db.builds.record(aRecordedBuild(7, { build: { uid: 'uid-else' } }))).rejects.toThrow('another build');
  });

  it('is recorded once by many at a time', async () => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => db.builds.record(full)));
    expect(outcomes.filter((outcome) => outcome)).toHaveLength(1);
  });

  it('may have neither package nor chroots', async () => {
    await record(
      aRecordedBuild(1, { build: { package: null, version: null, chroots: [], state: 'failed' }, chroots: [] }),
    );
    expect(await db.builds.chroots(1)).toEqual([]);
    expect(await db.packages.count(PROJECT)).toBe(0);
  });
});

describe('a list of builds', () => {
  beforeEach(async () => {
    for (const [index, dirname] of ['hello', 'hello', 'hello:pr:1', 'hello', 'hello'].entries()) {
      const state = index === 3 ? 'failed' : 'succeeded';
      await record(aRecordedBuild(index + 1, { build: { dirname, state, package: index === 0 ? 'other' : 'hello' } }));
    }
    await record(aRecordedBuild(6, { project: aProjectRow({ uid: 'uid-else', name: 'else', objectName: 'else' }) }));
  });

  const cases: [string, object, number[]][] = [
    ['everything of the project, newest first', {}, [5, 4, 3, 2, 1]],
    ['one package', { package: 'hello' }, [5, 4, 3, 2]],
    ['one state', { status: 'failed' }, [4]],
    ['one directory', { dirname: 'hello:pr:1' }, [3]],
    ['all of these', { package: 'hello', dirname: 'hello', status: 'succeeded' }, [5, 2]],
    ['nothing that is excluded', { excluding: [5, 3, 99] }, [4, 2, 1]],
    ['nothing of an unknown package', { package: 'none' }, []],
  ];
  it.each(cases)('shows %s', async (_, filter, expected) => {
    expect(ids(await db.builds.list({ project: PROJECT, ...filter }, PAGE))).toEqual(expected);
    expect(await db.builds.count({ project: PROJECT, ...filter })).toBe(expected.length);
  });

  it.each([
    ['a number beyond all', () => db.builds.get(1e20)],
    ['a number that is none', () => db.builds.get(1.5)],
    ['a name with a NUL', () => db.packages.get(PROJECT, 'hello\0')],
    ['a user with a NUL', () => db.users.byName('\0')],
  ])('or anything else has nothing for %s', async (_, ask) => {
    expect(await ask()).toBeUndefined();
  });

  it('is empty beyond its end and for names that nothing can have', async () => {
    expect(await db.builds.list({ project: PROJECT }, { limit: 10, offset: 1e20 })).toEqual([]);
    expect(await db.builds.list({ project: PROJECT, package: '\0' }, PAGE)).toEqual([]);
    expect(await db.builds.count({ project: PROJECT, status: '\0' })).toBe(0);
  });

  it('comes in pages', async () => {
    expect(ids(await db.builds.list({ project: PROJECT }, { limit: 2, offset: 1 }))).toEqual([4, 3]);
    expect(ids(await db.builds.list({ project: PROJECT }, { limit: 2, offset: 9 }))).toEqual([]);
  });
});

describe('packages', () => {
  beforeEach(() => db.projects.put(aProjectRow()));
  const pkg = (name: string, declared = false) => ({ projectUID: PROJECT, name, declared, firstSource: null });
  const source = { link: { url: 'http://sources.test/first.src.rpm' } };

  it('keep their number and their first source', async () => {
    const first = await db.packages.ensure({ ...pkg('hello'), firstSource: source });
    expect(first).toMatchObject({ name: 'hello', declared: false, firstSource: source, created: true });
    const other = { link: { url: 'http://sources.test/other.src.rpm' } };
    const again = await db.packages.ensure({ ...pkg('hello', true), firstSource: other });
    expect(again).toEqual({ ...first, declared: true, created: false });
    await db.packages.ensureAll([pkg('hello'), { ...pkg('new'), firstSource: other }, pkg('new', true)]);
    expect(await db.packages.get(PROJECT, 'hello')).toMatchObject({
      id: first.id,
      declared: true,
      firstSource: source,
    });
    expect(await db.packages.get(PROJECT, 'new')).toMatchObject({ declared: true, firstSource: other });
  });

  it('are listed by name, and deleted without their builds', async () => {
    await record(aRecordedBuild(1), aRecordedBuild(2));
    await db.packages.ensureAll([pkg('zz'), pkg('aa')]);
    expect((await db.packages.list(PROJECT, PAGE)).map(({ name }) => name)).toEqual(['aa', 'hello', 'zz']);
    expect(await db.packages.builds(PROJECT, 'hello')).toEqual([1, 2]);
    expect(await db.packages.remove(PROJECT, 'hello')).toBe(true);
    expect(await db.packages.remove(PROJECT, 'hello')).toBe(false);
    expect((await db.packages.list(PROJECT, { limit: 1, offset: 1 })).map(({ name }) => name)).toEqual(['zz']);
    expect(await db.packages.count(PROJECT)).toBe(2);
    expect(await db.builds.get(1)).toBeDefined();
  });

  it('show their newest builds', async () => {
    await record(
      aRecordedBuild(1),
      aRecordedBuild(2, { build: { state: 'failed' } }),
      aRecordedBuild(3, { build: { dirname: 'hello:pr:1' } }),
    );
    await db.packages.ensure(pkg('bare'));
    const main = { project: PROJECT, dirname: 'hello' };
    const [bare, hello] = await db.packages.listWithBuilds(main, PAGE);
    expect(bare).toMatchObject({ name: 'bare', latest: null, latestSucceeded: null });
    const list = await db.builds.list({ project: PROJECT }, PAGE);
    expect(hello?.latest).toEqual(list[1]);
    expect(hello?.latestSucceeded).toEqual(list[2]);
    expect(await db.packages.getWithBuilds({ project: PROJECT }, 'hello')).toMatchObject({
      latest: { id: 3 },
      latestSucceeded: { id: 3 },
    });
    expect(await db.packages.getWithBuilds({ ...main, excluding: [2, 1] }, 'hello')).toMatchObject({
      latest: null,
      latestSucceeded: null,
    });
    expect(await db.packages.getWithBuilds(main, 'none')).toBeUndefined();
  });
});

describe('a package whose object is gone', () => {
  beforeEach(() => db.projects.put(aProjectRow()));
  const declared = (name: string) =>
    db.packages.ensure({ projectUID: PROJECT, name, declared: true, firstSource: null }).then(({ id }) => id);

  it('goes too when nothing was built of it', async () => {
    await db.packages.undeclare(await declared('bare'), false);
    expect(await db.packages.get(PROJECT, 'bare')).toBeUndefined();
  });

  it('stays when it has builds, here or in the cluster', async () => {
    await record(aRecordedBuild(1));
    await db.packages.undeclare(await declared('hello'), false);
    await db.packages.undeclare(await declared('live'), true);
    expect((await db.packages.list(PROJECT, PAGE)).map(({ name, declared: is }) => [name, is])).toEqual([
      ['hello', false],
      ['live', false],
    ]);
  });

  it('is not looked for in its first minute', async () => {
    await declared('fresh');
    expect(await db.packages.declared()).toEqual([]);
  });
});

describe('the monitor', () => {
  const shown = async (excluding?: number[]) =>
    (await db.monitor.rows(PROJECT, 'hello', excluding)).map((row) => [row.package, row.chroot, row.build, row.state]);

  it('shows the highest number of each package and chroot, in whatever order they come', async () => {
    const both = [aRecordedChroot('a-1-x86_64'), aRecordedChroot('b-1-x86_64')];
    await record(
      aRecordedBuild(5, { chroots: [aRecordedChroot('b-1-x86_64', { state: 'failed' })] }),
      aRecordedBuild(3, { chroots: both }),
      aRecordedBuild(4, { build: { package: 'other' }, chroots: both }),
      aRecordedBuild(6, { build: { dirname: 'hello:pr:1' } }),
    );
    const all = [
      ['hello', 'a-1-x86_64', 3, 'succeeded'],
      ['hello', 'b-1-x86_64', 5, 'failed'],
      ['other', 'a-1-x86_64', 4, 'succeeded'],
      ['other', 'b-1-x86_64', 4, 'succeeded'],
    ];
    const without5 = [all[0], ['hello', 'b-1-x86_64', 3, 'succeeded'], all[2], all[3]];
    expect(await shown()).toEqual(all);
    expect(await shown([5])).toEqual(without5);
    expect(await shown([4, 3, 5])).toEqual([]);
    expect(await db.builds.remove(PROJECT, [5, 99])).toBe(1);
    expect(await shown()).toEqual(without5);
    expect(await db.builds.remove(PROJECT, [3, 4])).toBe(2);
    expect(await shown()).toEqual([]);
  });
});

describe('a deletion', () => {
  it('of builds spares other projects', async () => {
    await record(aRecordedBuild(1));
    expect(await db.builds.remove('uid-else', [1])).toBe(0);
    expect(await db.builds.remove(PROJECT, [])).toBe(0);
    expect(await db.builds.get(1)).toBeDefined();
  });

  it('of a project takes everything with it, and may be repeated', async () => {
    await record(aRecordedBuild(1), aRecordedBuild(2));
    await db.projects.remove(PROJECT);
    await db.projects.remove(PROJECT);
    expect(await db.builds.recorded([1, 2])).toEqual([]);
    expect(await db.packages.count(PROJECT)).toBe(0);
    expect(await db.projects.list()).toEqual([]);
  });
});

describe('a project', () => {
  it('keeps its number and takes up another owner', async () => {
    await db.projects.put(aProjectRow());
    await db.projects.put(aProjectRow({ id: null, owner: 'bob' }));
    expect(await db.projects.byUID(PROJECT)).toEqual(aProjectRow({ owner: 'bob' }));
    expect(await db.projects.byUID('none')).toBeUndefined();
  });
});
