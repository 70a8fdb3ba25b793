import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPackages } from '../../lib/rpm/testing/build.ts';
import type { RunningProcess } from '../../lib/testing/process.ts';
import { type Answer, expectStatus, TestClient, type TestTask } from './testing/client.ts';
import { createWorld, type Publisher, startNginx, startPublisher, type World } from './testing/processes.ts';
import { fetchRepository } from './testing/repository.ts';

const CHROOT = 'pebble-13-x86_64';
const BUILDS = 6;
const PROJECT = '/v1/projects/demo/brief';

let world: World;
let publisher: Publisher;
let nginx: RunningProcess & { port: number };
let client: TestClient;
let packages: string[];
let number = 0;

beforeAll(async () => {
  world = await createWorld(await mkdtemp(join(tmpdir(), 'kopr-deletions-')));
  nginx = await startNginx(world.directory, world.data);
  packages = await buildPackages(join(world.directory, 'built'), { name: 'hello', arch: 'x86_64' });
  client = new TestClient(world.tokenKey, 0);
  await begin();
});

afterAll(async () => {
  await publisher.end('SIGKILL');
  await nginx.end('SIGTERM');
  await world.keygen.end('SIGKILL');
  await rm(world.directory, { recursive: true, force: true });
});

async function begin(): Promise<void> {
  publisher = await startPublisher(world);
  client.port = publisher.ports.http;
}

/** Repeats a request over deaths of the publisher, as operator and pods do, until it is answered for good. */
async function persist(request: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 0; tries < 200; tries++) {
    const answer = await request().catch(() => undefined);
    if (answer !== undefined && answer.status !== 202 && answer.status < 500) return answer;
    await sleep(50);
  }
  throw new Error('a request was not answered for good in 200 tries');
}

function newTask(): Promise<TestTask> {
  number++;
  return client.newTask(`demo/brief/${CHROOT}/${String(number).padStart(8, '0')}-hello`);
}

function projectNames(): Promise<string[]> {
  return readdir(join(world.data, 'results', 'demo', 'brief')).catch(() => []);
}

/** Sends a log over and over, as a pod that outlives its project does; resolves with the last answer when told to stop. */
async function keepSending(task: TestTask, stop: AbortSignal): Promise<number> {
  let size = 0;
  let status = 0;
  while (!stop.aborted) {
    const answer = await client.log(task, size, 'more\n').catch(() => undefined);
    status = answer?.status ?? status;
    if (typeof answer?.body.size === 'number') size = answer.body.size;
    await sleep(5);
  }
  return status;
}

describe('a project that is deleted under way', () => {
  it.each(Array.from({ length: 8 }, (_, n) => [n]))(
    'is gone, and then new, in round %i',
    async (round) => {
      expectStatus(await client.setUp('demo', 'brief', [CHROOT]), 200);
      const tasks: TestTask[] = [];
      for (let n = 0; n < BUILDS; n++) {
        const task = await newTask();
        await client.uploadPackages(task, packages);
        tasks.push(task);
      }
      const stop = new AbortController();
      const zombie = keepSending(await newTask(), stop.signal);
      const publications = Promise.all(tasks.map((task) => persist(() => client.publish(task, 'x86_64', 10))));
      await sleep(Math.random() * 500);
      const deletion = persist(() => client.control('DELETE', PROJECT));
      // In every other round the publisher dies in the middle.
      if (round % 2 === 1) {
        await sleep(Math.random() * 40);
        await publisher.end('SIGKILL');
        await begin();
      }
      expect((await deletion).status).toBe(204);
      expect(await projectNames()).toEqual([]);
      const statuses = new Set((await publications).map((answer) => answer.status));
      for (const status of statuses) expect([200, 410]).toContain(status);
      expect(await projectNames()).toEqual([]);

      expectStatus(await client.setUp('demo', 'brief', [CHROOT]), 200);
      const task = await newTask();
      await client.uploadPackages(task, packages);
      expect(await client.published(task)).toMatchObject({ state: 'done', generation: 2 });
      stop.abort();
      expect(await zombie).toBe(410);
      const { packages: listed } = await fetchRepository(`http://127.0.0.1:${nginx.port}/results/demo/brief/${CHROOT}`);
      expect(new Set(listed.map((path) => path.split('/')[0]))).toEqual(new Set([task.directory]));
      const directories = await readdir(join(world.data, 'results', 'demo', 'brief', CHROOT));
      expect(directories.filter((name) => /^[0-9]/.test(name))).toEqual([task.directory]);
      for (const [n, each] of tasks.entries()) {
        // What was published stays so on record; what was not never will be.
        expect((await client.publish(each)).status).toBe((await publications)[n]?.status);
      }
      expectStatus(await client.control('DELETE', PROJECT), 204);
      expect(await readdir(join(world.data, 'staging'))).toEqual([]);
    },
    60_000,
  );
});

describe('builds that are removed under way', () => {
  /** Watches that no current metadata ever names a file that is not there. Resolves with the number of looks when told to stop. */
  async function watch(base: string, stop: AbortSignal): Promise<number> {
    let looks = 0;
    while (!stop.aborted) {
      const before = await fetchRepository(base, () => sleep(Math.random() * 20));
      for (const path of before.packages) {
        if ((await fetch(`${base}/${path}`, { method: 'HEAD' })).status === 200) continue;
        expect((await fetchRepository(base)).packages).not.toContain(path);
      }
      looks++;
    }
    return looks;
  }

  it.each(Array.from({ length: 8 }, (_, n) => [n, n % 2 === 1]))(
    'are gone, and no others, in round %i (devel mode: %s)',
    async (_round, develMode) => {
      const directories = ['brief', 'brief:pr:1'];
      const repositories = { chroots: [{ name: CHROOT, architecture: 'x86_64' }], repoFile: { moduleHotfixes: false } };
      const tasks: TestTask[] = [];
      for (const project of directories) {
        expectStatus(await client.setUp('demo', project, [CHROOT]), 200);
        for (let n = 0; n < 4; n++) {
          number++;
          // The second half of the builds is published in devel mode, if at all.
          if (n === 2) {
            const request = { ...repositories, develMode };
            expectStatus(await client.control('PUT', `/v1/projects/demo/${project}?wait=30`, request), 200);
          }
          const name = `${String(number).padStart(8, '0')}-hello`;
          const task = await client.newTask(`demo/${project}/${CHROOT}/${name}`);
          await client.uploadPackages(task, packages);
          // The last one of each is still being published when it is removed.
          if (n < 3) await client.published(task);
          tasks.push(task);
        }
      }
      const base = `http://127.0.0.1:${nginx.port}/results/demo`;
      const roots = directories.flatMap((project) => {
        const chroot = `${base}/${project}/${CHROOT}`;
        return develMode ? [chroot, `${chroot}/devel`] : [chroot];
      });
      const stop = new AbortController();
      const readers = Promise.all(roots.map((root) => watch(root, stop.signal)));
      readers.catch(() => undefined);
      const [kept, removed] = [tasks.filter((_, n) => n % 2 === 0), tasks.filter((_, n) => n % 2 === 1)];
      const builds = removed.map(({ directory }) => Number.parseInt(directory, 10));
      const request = { owner: 'demo', project: 'brief', builds };
      const late = Promise.all(tasks.map((task) => persist(() => client.publish(task, 'x86_64', 10))));
      await sleep(Math.random() * 200);
      const removal = persist(() => client.control('PUT', '/v1/removals/many?wait=10', request));
      for (let kills = 0; kills < 3; kills++) {
        await sleep(Math.random() * 150);
        await publisher.end('SIGKILL');
        await begin();
      }
      expect(await removal).toEqual({ status: 200, body: { state: 'done', removed: removed.length } });
      const answers = await late;
      for (const [n, { status }] of answers.entries()) expect(n % 2 === 0 ? [200] : [200, 410]).toContain(status);
      stop.abort();
      for (const looks of await readers) expect(looks).toBeGreaterThan(0);

      for (const project of directories) {
        const mine = kept.filter((task) => task.project === project).map((task) => task.directory);
        const chroot = join(world.data, 'results', 'demo', project, CHROOT);
        expect((await readdir(chroot)).filter((name) => /^[0-9]/.test(name)).sort()).toEqual(mine);
        const all = await fetchRepository(`${base}/${project}/${CHROOT}${develMode ? '/devel' : ''}`);
        expect([...new Set(all.packages.map((path) => path.split('/').at(-2)))].sort()).toEqual(mine);
        const open = await fetchRepository(`${base}/${project}/${CHROOT}`);
        const first = develMode ? mine.slice(0, 1) : mine;
        expect([...new Set(open.packages.map((path) => path.split('/')[0]))].sort()).toEqual(first);
      }
      for (const task of removed) expect((await client.log(task, 0, 'late')).status).toBe(410);
      expectStatus(await client.control('DELETE', PROJECT), 204);
      expect(await readdir(join(world.data, 'results'))).toEqual([]);
      expect(await readdir(join(world.data, 'staging'))).toEqual([]);
    },
    60_000,
  );
});
