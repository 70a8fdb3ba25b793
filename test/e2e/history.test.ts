/** What outlives the objects, and what happens while PostgreSQL is away. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  api,
  apiURL,
  type CoprUser,
  coprUser,
  createdBuilds,
  deleteProjects,
  ENDED,
  removeScratch,
  untilState,
} from './copr.ts';
import { apply, build, kubectl, link, RELEASE_NAMESPACE, until, waitComplete } from './harness.ts';

const OWNER = 'grace';
const C1 = 'pebble-13-x86_64';
const DATABASE = 'statefulset/kopr-postgres';

let grace: CoprUser;

async function listed(): Promise<{ id: number; state: string }[]> {
  const { status, body } = await api('GET', `/build/list?ownername=${OWNER}&projectname=short`);
  if (status !== 200) throw new Error(`the list of builds was answered with ${status}: ${JSON.stringify(body)}`);
  return body.items as { id: number; state: string }[];
}

async function objects(): Promise<string[]> {
  const names = await kubectl('-n', OWNER, 'get', 'builds', '-o', 'jsonpath={.items[*].metadata.name}');
  return names.split(' ').filter((name) => name !== '');
}

async function scale(replicas: number): Promise<void> {
  await kubectl('-n', RELEASE_NAMESPACE, 'scale', DATABASE, `--replicas=${replicas}`);
  const selector = 'app.kubernetes.io/component=postgres';
  if (replicas === 0) {
    await kubectl('-n', RELEASE_NAMESPACE, 'wait', '--for=delete', 'pod', '-l', selector, '--timeout=120s');
  } else {
    await kubectl('-n', RELEASE_NAMESPACE, 'rollout', 'status', DATABASE, '--timeout=180s');
  }
}

beforeAll(async () => {
  grace = await coprUser(OWNER);
  await deleteProjects(OWNER);
  await apply({
    apiVersion: 'kopr.dev/v1alpha1',
    kind: 'Project',
    metadata: { name: 'short', namespace: OWNER },
    spec: { chroots: [C1], retention: { ttlSecondsAfterFinished: 0, keepLast: 0 } },
  });
});

afterAll(async () => {
  await scale(1);
  await deleteProjects(OWNER);
  await removeScratch();
});

describe('the history', () => {
  it('has a build whose object is gone, once, with all that was known of it', async () => {
    const [id = 0] = createdBuilds(
      await grace.ok('build', 'short', 'http://files.example/words-3.1-1.src.rpm', '--nowait'),
    );
    expect(await untilState(id, ENDED)).toBe('succeeded');
    await until('the deletion of the finished Build', objects, (names) => names.length === 0, 90);
    expect(await listed()).toEqual([expect.objectContaining({ id, state: 'succeeded' })]);
    const { body } = await api('GET', `/build/${id}`);
    expect(body).toMatchObject({
      submitter: OWNER,
      chroots: [C1],
      source_package: { name: 'words', version: '3.1-1' },
    });
    const { body: built } = await api('GET', `/build/built-packages/${id}`);
    expect(built[C1]).toMatchObject({ packages: expect.arrayContaining([expect.objectContaining({ name: 'words' })]) });
    expect((await api('GET', `/monitor?ownername=${OWNER}&projectname=short`)).body.packages).toMatchObject([
      { name: 'words', chroots: { [C1]: { state: 'succeeded', build_id: id } } },
    ]);
  });

  it('takes builds up that ended while PostgreSQL was away, and nothing stands still meanwhile', async () => {
    const before = (await listed()).map(({ id }) => id);
    await scale(0);
    await apply(build(OWNER, 'meanwhile', 'short', link('words-3.1-1.src.rpm')));
    const done = await waitComplete(OWNER, 'meanwhile', 200);
    expect(done.status.state).toBe('succeeded');
    // Its time is over, but the history has not got it.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(await objects()).toEqual(['meanwhile']);
    expect(await api('GET', `/build/${done.status.id}`)).toMatchObject({ status: 200, body: { state: 'succeeded' } });
    const list = await api('GET', `/build/list?ownername=${OWNER}&projectname=short`);
    expect(list).toMatchObject({ status: 503, body: { error: expect.stringMatching(/database|PostgreSQL/) } });
    const repo = await fetch(`${await apiURL()}/coprs/${OWNER}/short/repo/pebble-13/dnf.repo`);
    expect(repo.status).toBe(200);
    expect((await api('GET', `/rpmrepo/${OWNER}/short/pebble-13/`)).status).toBe(200);
    await scale(1);
    await until('the deletion of the finished Build', objects, (names) => names.length === 0, 120);
    expect((await listed()).map(({ id }) => id)).toEqual([done.status.id, ...before]);
  });
});
