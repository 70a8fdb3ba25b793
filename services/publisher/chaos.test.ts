import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import * as openpgp from 'openpgp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fetchMetrics } from '../../lib/http/testing/metrics.ts';
import { buildPackages } from '../../lib/rpm/testing/build.ts';
import type { RunningProcess } from '../../lib/testing/process.ts';
import { expectStatus, TestClient, type TestTask } from './testing/client.ts';
import { createWorld, type Publisher, startNginx, startPublisher, type World } from './testing/processes.ts';
import { fetchRepository } from './testing/repository.ts';

const run = promisify(execFile);
const CHROOT = 'pebble-13-x86_64';
const COUNT = 30;

let world: World;
let publisher: Publisher;
let nginx: RunningProcess & { port: number };
let client: TestClient;
let packages: string[];

beforeAll(async () => {
  world = await createWorld(await mkdtemp(join(tmpdir(), 'kopr-chaos-')));
  nginx = await startNginx(world.directory, world.data);
  const names = Array.from({ length: COUNT }, (_, n) => `part${n}`);
  const built = await buildPackages(join(world.directory, 'built'), { name: 'many', subpackages: names });
  packages = built.filter((path) => basename(path).startsWith('many-part'));
  expect(packages).toHaveLength(COUNT);
});

afterAll(async () => {
  await nginx.end('SIGTERM');
  await world.keygen.end('SIGKILL');
  await rm(world.directory, { recursive: true, force: true });
});

async function begin(): Promise<void> {
  publisher = await startPublisher(world);
  client ??= new TestClient(world.tokenKey, 0);
  client.port = publisher.ports.http;
}

beforeEach(begin);

afterEach(async () => {
  expect(await publisher.end('SIGTERM')).toBe(0);
});

/** One complete upload per package. */
async function uploads(project: string): Promise<TestTask[]> {
  const tasks: TestTask[] = [];
  for (const [n, path] of packages.entries()) {
    const task = await client.newTask(`demo/${project}/${CHROOT}/${String(n + 1).padStart(8, '0')}-many`);
    await client.uploadPackages(task, [path]);
    tasks.push(task);
  }
  return tasks;
}

function expectedPaths(): string[] {
  return packages.map((path, n) => `${String(n + 1).padStart(8, '0')}-many/${basename(path)}`).sort();
}

interface Readers {
  /** Ends them; rejects with the first error any of them has met. */
  stop(): Promise<{ reads: number; generations: number }>;
}

/** Clients that download the repository over and over, with pauses of random length between its files. */
function startReaders(project: string, count: number): Readers {
  let stopped = false;
  const seen = new Set<string>();
  let reads = 0;
  const base = `http://127.0.0.1:${nginx.port}/results/demo/${project}/${CHROOT}`;
  const readers = Array.from({ length: count }, async () => {
    let least = 0;
    while (!stopped) {
      const { packages: listed, repomd } = await fetchRepository(base, () => sleep(Math.random() * 120));
      // Nobody ever sees a package go, or a listed package that is not there.
      expect(listed.length).toBeGreaterThanOrEqual(least);
      least = listed.length;
      for (const path of listed.slice(-2))
        expect((await fetch(`${base}/${path}`, { method: 'HEAD' })).status).toBe(200);
      seen.add(repomd);
      reads++;
    }
  });
  const all = Promise.all(readers);
  all.catch(() => undefined);
  return {
    async stop() {
      stopped = true;
      await all;
      return { reads, generations: seen.size };
    },
  };
}

/** The signature of repomd.xml, checked within the generation that is current. */
async function checkSignature(project: string): Promise<void> {
  const directory = join(world.data, 'results', 'demo', project, CHROOT, 'repodata');
  const read = (name: string): Promise<string> => readFile(join(directory, name), 'utf8');
  const verified = await openpgp.verify({
    message: await openpgp.createMessage({ binary: await readFile(join(directory, 'repomd.xml')) }),
    signature: await openpgp.readSignature({ armoredSignature: await read('repomd.xml.asc') }),
    verificationKeys: await openpgp.readKey({ armoredKey: await read('repomd.xml.key') }),
  });
  expect(await verified.signatures[0]?.verified).toBe(true);
}

describe('a repository', () => {
  it('is never seen as a mixture by clients that download while packages are published', async () => {
    expectStatus(await client.setUp('demo', 'steady', [CHROOT]), 200);
    const tasks = await uploads('steady');
    const readers = startReaders('steady', 4);
    const generations = new Set<number>();
    // One after the other, so that there are as many switches as there can be.
    for (const task of tasks) {
      generations.add((await client.published(task)).generation ?? 0);
      await checkSignature('steady');
    }
    const { reads, generations: seen } = await readers.stop();
    expect(generations.size).toBe(COUNT);
    expect(reads).toBeGreaterThan(20);
    expect(seen).toBeGreaterThan(5);
    const { packages: listed } = await fetchRepository(`http://127.0.0.1:${nginx.port}/results/demo/steady/${CHROOT}`);
    expect(listed.sort()).toEqual(expectedPaths());
  }, 60_000);

  it('takes requests that come together in few updates', async () => {
    expectStatus(await client.setUp('demo', 'busy', [CHROOT]), 200);
    const tasks = await uploads('busy');
    const answers = await Promise.all(tasks.map((task) => client.published(task)));
    const generations = new Set(answers.map((answer) => answer.generation));
    expect(generations.size).toBeLessThan(COUNT / 2);
    const metrics = await fetchMetrics(publisher.ports.metrics);
    const value = (name: string): number => Number(new RegExp(`^${name} ([0-9.]+)$`, 'm').exec(metrics)?.[1]);
    expect(value('kopr_createrepo_batch_size_sum')).toBe(COUNT + 1);
    expect(value('kopr_createrepo_batch_size_count')).toBe(generations.size + 1);
    const { packages: listed } = await fetchRepository(`http://127.0.0.1:${nginx.port}/results/demo/busy/${CHROOT}`);
    expect(listed.sort()).toEqual(expectedPaths());
  }, 60_000);

  it('has every package once although the publisher is killed again and again, and readers notice nothing', async () => {
    expectStatus(await client.setUp('demo', 'killed', [CHROOT]), 200);
    const tasks = await uploads('killed');
    const readers = startReaders('killed', 2);
    let ended = false;
    const finished = Promise.all(tasks.map((task) => client.published(task, undefined, 100_000))).finally(() => {
      ended = true;
    });
    finished.catch(() => undefined);
    let kills = 0;
    while (!ended && kills < 25) {
      await sleep(20 + Math.random() * 250);
      await publisher.end('SIGKILL');
      kills++;
      await begin();
    }
    const answers = await finished;
    await readers.stop();
    expect(kills).toBeGreaterThan(3);
    const base = `http://127.0.0.1:${nginx.port}/results/demo/killed/${CHROOT}`;
    const { packages: listed } = await fetchRepository(base);
    expect(listed.sort()).toEqual(expectedPaths());
    await checkSignature('killed');

    // What every task was told is true: its generation had its package, and asking again changes nothing.
    const state = expectStatus(await client.setUp('demo', 'killed', [CHROOT]), 200).body.chroots as {
      generation: number;
      packages: number;
    }[];
    for (const answer of answers) expect(answer.generation).toBeLessThanOrEqual(state[0]?.generation ?? 0);
    expect(await Promise.all(tasks.map((task) => client.published(task)))).toEqual(answers);
    expect(state).toMatchObject([{ packages: COUNT }]);

    const key = join(world.directory, 'killed.gpg');
    await writeFile(key, await (await fetch(`http://127.0.0.1:${nginx.port}/results/demo/killed/pubkey.gpg`)).text());
    const database = join(world.directory, 'rpmdb');
    await run('rpmkeys', ['--dbpath', database, '--import', key]);
    const files = listed.map((path) => join(world.data, 'results', 'demo', 'killed', CHROOT, path));
    const checked = await run('rpmkeys', ['--dbpath', database, '--define', '_pkgverify_level all', '-K', ...files]);
    expect(
      checked.stdout
        .trim()
        .split('\n')
        .every((line) => line.endsWith('digests signatures OK')),
    ).toBe(true);

    // Nothing is left lying about.
    for (const directory of ['work', 'staging', 'trash'])
      expect(await readdir(join(world.data, directory))).toEqual([]);
    const chroot = await readdir(join(world.data, 'results', 'demo', 'killed', CHROOT));
    expect(chroot.filter((name) => name.startsWith('.')).length).toBeLessThanOrEqual(3);
    for (const name of chroot.filter((each) => each.endsWith('-many'))) {
      const visible = await readdir(join(world.data, 'results', 'demo', 'killed', CHROOT, name));
      expect(visible.filter((each) => each.startsWith('.tmp'))).toEqual([]);
    }
  }, 150_000);
});
