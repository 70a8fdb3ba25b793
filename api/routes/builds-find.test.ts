import { describe, expect, it } from 'vitest';
import type { Build } from '../../crds/build.ts';
import type { ProjectView } from '../cluster/index.ts';
import { DatabaseAway } from '../db/errors.ts';
import type { Services } from '../services.ts';
import { findBuild, projectOfBody } from './builds-find.ts';

const { signal } = new AbortController();
const view = {
  uid: 'uid-1',
  owner: 'alice',
  name: 'hello',
  fullName: 'alice/hello',
  project: { metadata: { name: 'hello', uid: 'uid-1' }, spec: {} },
} as unknown as ProjectView;

function aBuild(id: number): Build {
  const metadata = { name: `hello-${id}`, labels: { 'kopr.dev/id': String(id) } };
  return { metadata, spec: { project: 'hello', background: false, cancelled: false } } as unknown as Build;
}

interface Given {
  live?: number[];
  recorded?: { id: number; uid: string }[];
  elsewhere?: number[];
  removed?: number[];
  away?: boolean;
  /** What answers of the API server wait for. */
  answer?: Promise<void>;
}

function world({ live = [], recorded = [], elsewhere = [], removed = [], away = false, answer }: Given) {
  const asked: number[] = [];
  const cluster = {
    build: (id: number) => (live.includes(id) ? aBuild(id) : undefined),
    project: () => view,
    projectOf: () => view,
    chrootBuildsOf: () => [],
    packagesOf: () => [],
    isBeingRemoved: (_: unknown, id: number) => removed.includes(id),
    async findBuild(id: number) {
      asked.push(id);
      await answer;
      return elsewhere.includes(id) ? aBuild(id) : undefined;
    },
  };
  const get = (id: number) => {
    if (away) return Promise.reject(new DatabaseAway('away'));
    const row = recorded.find((one) => one.id === id);
    return Promise.resolve(row && { id, project: { uid: row.uid, owner: 'alice', name: 'hello' }, spec: {} });
  };
  const config = { resultsURL: 'http://results.test/results' };
  return { services: { cluster, config, db: { builds: { get } } } as unknown as Services, asked };
}

describe('a build', () => {
  it('is looked for in the cluster, then in the record, and only then at the API server', async () => {
    const { services, asked } = world({ live: [1], recorded: [{ id: 2, uid: 'uid-1' }], elsewhere: [3] });
    expect((await findBuild(services, 1, signal)).live?.metadata.name).toBe('hello-1');
    expect(await findBuild(services, 2, signal)).toMatchObject({ live: undefined, row: { id: 2 } });
    expect(asked).toEqual([]);
    expect((await findBuild(services, 3, signal)).live?.metadata.name).toBe('hello-3');
    await expect(findBuild(services, 4, signal)).rejects.toMatchObject({ status: 404 });
    await expect(findBuild(services, 5, signal, false)).rejects.toMatchObject({ status: 404 });
    expect(asked).toEqual([3, 4]);
  });

  it.each<[string, Given]>([
    ['of a project that had the name before', { recorded: [{ id: 2, uid: 'uid-of-another' }] }],
    ['that is being removed', { recorded: [{ id: 2, uid: 'uid-1' }], removed: [2] }],
  ])('%s does not exist', async (_what, given) => {
    await expect(findBuild(world(given).services, 2, signal)).rejects.toMatchObject({ status: 404 });
  });

  it('that lives is found while the database is away, any other is not said to be missing', async () => {
    const { services } = world({ live: [1], away: true });
    expect((await findBuild(services, 1, signal)).row.id).toBe(1);
    await expect(findBuild(services, 2, signal)).rejects.toThrow(DatabaseAway);
  });

  it('that does not exist costs the API server no more than so many questions at a time', async () => {
    let release = (): void => undefined;
    const answer = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { services, asked } = world({ answer });
    const all = Array.from({ length: 20 }, (_, id) =>
      findBuild(services, id + 1, signal).catch((error: unknown) => error),
    );
    await new Promise((resolve) => setImmediate(resolve));
    release();
    const statuses = (await Promise.all(all)).map((error) => (error as { status: number }).status);
    expect(statuses.filter((status) => status === 503)).toHaveLength(4);
    expect(statuses.filter((status) => status === 404)).toHaveLength(16);
    expect(asked).toHaveLength(16);
    await expect(findBuild(services, 30, signal)).rejects.toMatchObject({ status: 404 });
  });
});

describe('the project that a body names', () => {
  it.each([
    [{}, '', 'ownername: This field is required.'],
    [{ ownername: 'alice' }, '', 'projectname: This field is required.'],
    [{ ownername: '', projectname: 'x' }, '', 'ownername: This field is required.'],
    [
      { projectname: 'x' },
      'Bad request parameters: ',
      "Bad request parameters: {'ownername': ['This field is required.']}",
    ],
  ] as const)('%j with prefix "%s"', (body, prefix, message) => {
    expect(() => projectOfBody(world({}).services, body, prefix)).toThrow(
      expect.objectContaining({ status: 400, message }),
    );
  });
});
