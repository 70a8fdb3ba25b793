import { createHash } from 'node:crypto';
import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../lib/clock.ts';
import { buildPackages } from '../../../lib/rpm/testing/build.ts';
import { createMetrics } from '../metrics.ts';
import { type ChrootName, type Paths, pathsOf } from '../paths.ts';
import { CreaterepoError } from './createrepo.ts';
import { RepositoryEngine, UnreadablePackagesError } from './engine.ts';
import { parseRepomd } from './repomd.ts';

const name: ChrootName = { owner: 'demo', project: 'hello', chroot: 'pebble-13-x86_64' };

let packages: string[];
let packageDirectory: string;
let directory: string;
let paths: Paths;
let chroot: string;
let wall: number;
let signFails: boolean;

beforeAll(async () => {
  packageDirectory = await mkdtemp(join(tmpdir(), 'kopr-engine-rpms-'));
  packages = await buildPackages(packageDirectory, { name: 'hello', subpackages: ['a', 'b', 'c'] });
});

afterAll(() => rm(packageDirectory, { recursive: true, force: true }));

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kopr-engine-'));
  paths = pathsOf(directory);
  chroot = paths.chroot(name);
  await mkdir(chroot, { recursive: true });
  await mkdir(paths.work);
  wall = Date.now();
  signFails = false;
});

afterEach(() => rm(directory, { recursive: true, force: true }));

function createEngine(createrepo = 'createrepo_c'): RepositoryEngine {
  const clock: Clock = { ...systemClock, now: () => wall };
  return new RepositoryEngine({
    paths,
    clock,
    log: pino({ level: 'silent' }),
    metrics: createMetrics(new Registry()),
    signer: {
      sign: async (_project, data) => {
        if (signFails) throw new Error('keygen is away');
        return `signature of ${sha256(data)}`;
      },
      certificate: async () => 'certificate',
    },
    concurrency: 2,
    workers: 1,
    createrepo,
  });
}

/** Puts package `n` into the build directory of that number; returns its path in the repository. */
async function publish(n: number, done = true): Promise<string> {
  const source = packages[n] ?? '';
  const build = `0000000${n}-hello`;
  await mkdir(join(chroot, build), { recursive: true });
  await copyFile(source, join(chroot, build, basename(source)));
  if (done) await writeFile(join(chroot, build, 'success'), 'done\n');
  return `${build}/${basename(source)}`;
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function repodata(file: string): Promise<string> {
  return readFile(join(chroot, 'repodata', file), 'utf8');
}

const nothing = { add: [], remove: [] };

describe('the repository engine', () => {
  it('makes a signed empty repository, and no second one for nothing', async () => {
    const engine = createEngine();
    expect(await engine.update(name, nothing)).toEqual({ generation: 1, packages: 0 });
    expect(await engine.update(name, nothing)).toEqual({ generation: 1, packages: 0 });
    const repomd = await repodata('repomd.xml');
    expect(await repodata('repomd.xml.asc')).toBe(`signature of ${sha256(repomd)}`);
    expect(await repodata('repomd.xml.key')).toBe('certificate');
  });

  it('adds and removes packages, and does nothing for what is done already', async () => {
    const engine = createEngine();
    const add = [await publish(0), await publish(1)];
    expect(await engine.update(name, { add, remove: [] })).toMatchObject({ generation: 1, packages: 2 });
    const third = await publish(2);
    expect(await engine.update(name, { add: [third], remove: [] })).toMatchObject({ generation: 2, packages: 3 });
    expect(await engine.update(name, { add: [third], remove: [] })).toMatchObject({ generation: 2, packages: 3 });
    expect(await engine.update(name, { add: [], remove: [third] })).toMatchObject({ generation: 3, packages: 2 });
  });

  it('keeps metadata that went out of use for an hour, and the last three generations', async () => {
    const engine = createEngine();
    await engine.update(name, nothing);
    const first = parseRepomd(await repodata('repomd.xml')).map((file) => file.name);
    wall += 1_000_000;
    await engine.update(name, { add: [await publish(0)], remove: [] });
    wall += 3_500_000;
    await engine.update(name, { add: [await publish(1)], remove: [] });
    for (const file of first) await stat(join(chroot, 'repodata', file));
    wall += 200_000;
    await engine.update(name, { add: [await publish(2)], remove: [] });
    for (const file of first)
      await expect(stat(join(chroot, 'repodata', file))).rejects.toMatchObject({ code: 'ENOENT' });
    await engine.update(name, { add: [await publish(3)], remove: [] });
    const generations = (await readdir(chroot)).filter((each) => each.startsWith('.')).sort();
    expect(generations).toEqual(['.repodata-3', '.repodata-4', '.repodata-5']);
  });

  it('gives each repomd.xml a time of its own, however fast they follow each other', async () => {
    const engine = createEngine();
    const times: number[] = [];
    for (const n of [0, 1, 2]) {
      await engine.update(name, { add: [await publish(n)], remove: [] });
      times.push((await stat(join(chroot, 'repodata', 'repomd.xml'))).mtimeMs / 1000);
    }
    expect(times).toEqual([times[0], (times[0] ?? 0) + 1, (times[0] ?? 0) + 2]);
  });

  it('reads a file again that was replaced under its name', async () => {
    const engine = createEngine();
    const path = await publish(0);
    await engine.update(name, { add: [path, await publish(1)], remove: [] });
    const before = parseRepomd(await repodata('repomd.xml')).find((file) => file.type === 'primary');
    await copyFile(packages[2] ?? '', join(chroot, path));
    await utimes(join(chroot, path), 1_000_000, 1_000_000);
    expect(await engine.update(name, { add: [path], remove: [] })).toMatchObject({ generation: 2, packages: 2 });
    const after = parseRepomd(await repodata('repomd.xml')).find((file) => file.type === 'primary');
    expect(after?.sha256).not.toBe(before?.sha256);
  });

  it('tells files of the same name in two builds apart', async () => {
    const engine = createEngine();
    const first = await publish(0);
    await engine.update(name, { add: [first], remove: [] });
    const second = `00000009-hello/${basename(first)}`;
    await mkdir(join(chroot, '00000009-hello'));
    await copyFile(packages[2] ?? '', join(chroot, second));
    await engine.update(name, { add: [second], remove: [] });
    const { name: primary = '' } =
      parseRepomd(await repodata('repomd.xml')).find((file) => file.type === 'primary') ?? {};
    const xml = gunzipSync(await readFile(join(chroot, 'repodata', primary))).toString();
    const sums = await Promise.all([first, second].map(async (path) => sha256(await readFile(join(chroot, path)))));
    expect(sums.filter((sum) => xml.includes(`pkgid="YES">${sum}<`))).toHaveLength(2);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['metadata is missing', async () => unlink(join(chroot, 'repodata', await primaryName()))],
    ['metadata is cut short', async () => writeFile(join(chroot, 'repodata', await primaryName()), 'x')],
    ['repomd.xml is empty', () => writeFile(join(chroot, 'repodata', 'repomd.xml'), '')],
    ['the state is unreadable', () => writeFile(join(chroot, 'repodata', '.state.json'), '{')],
    ['the list is missing', () => unlink(join(chroot, 'repodata', '.packages'))],
    ['the list is of another length', () => writeFile(join(chroot, 'repodata', '.packages'), '')],
    ['the link is missing', () => unlink(join(chroot, 'repodata'))],
  ])('starts again from the disk when %s: published builds count, others do not', async (_what, damage) => {
    await createEngine().update(name, { add: [await publish(0)], remove: [] });
    const damaged = await publish(1);
    await publish(2, false);
    await damage();
    expect(await createEngine().update(name, { add: [damaged], remove: [] })).toMatchObject({ packages: 2 });
    expect(await createEngine().update(name, nothing)).toMatchObject({ packages: 2 });
  });

  async function primaryName(): Promise<string> {
    return parseRepomd(await repodata('repomd.xml')).find((file) => file.type === 'primary')?.name ?? '';
  }

  it('never goes back in its numbers, whatever a dead process has left', async () => {
    const engine = createEngine();
    await engine.update(name, { add: [await publish(0)], remove: [] });
    await mkdir(join(chroot, '.repodata-2'));
    await writeFile(join(chroot, '.repodata-2', 'repomd.xml'), 'half');
    await writeFile(join(chroot, '.repodata-link'), 'half');
    expect(await engine.update(name, { add: [await publish(1)], remove: [] })).toMatchObject({
      generation: 2,
      packages: 2,
    });
    expect(await readlink(join(chroot, 'repodata'))).toBe('.repodata-2');
    await writeFile(join(chroot, 'repodata', 'repomd.xml'), '');
    expect(await engine.update(name, nothing)).toMatchObject({ generation: 3, packages: 2 });
  });

  it('takes over a directory another program has made', async () => {
    await mkdir(join(chroot, 'repodata'));
    await writeFile(join(chroot, 'repodata', 'repomd.xml'), '<repomd/>');
    await publish(0);
    expect(await createEngine().update(name, nothing)).toMatchObject({ generation: 1, packages: 1 });
    expect(await readlink(join(chroot, 'repodata'))).toBe('.repodata-1');
  });

  it('leaves the repository as it was when signing fails, and makes the change at the next request', async () => {
    const engine = createEngine();
    await engine.update(name, { add: [await publish(0)], remove: [] });
    const before = await repodata('repomd.xml');
    signFails = true;
    const add = [await publish(1)];
    await expect(engine.update(name, { add, remove: [] })).rejects.toThrow('keygen is away');
    expect(await repodata('repomd.xml')).toBe(before);
    expect(await readdir(paths.work)).toEqual([]);
    signFails = false;
    expect(await engine.update(name, { add, remove: [] })).toMatchObject({ generation: 2, packages: 2 });
  });

  it('says whose packages cannot be read, and serves everybody else', async () => {
    const engine = createEngine();
    await engine.update(name, { add: [await publish(0)], remove: [] });
    const [bad, good, worse] = [await publish(1), await publish(2), await publish(3)];
    await writeFile(join(chroot, bad), 'not a package');
    await unlink(join(chroot, worse));
    await writeFile(join(chroot, worse), '');
    const results = await Promise.allSettled(
      [good, bad, worse].map((path) => engine.update(name, { add: [path], remove: [] })),
    );
    expect(results).toMatchObject([
      { status: 'fulfilled', value: { packages: 2 } },
      { status: 'rejected', reason: expect.any(UnreadablePackagesError) },
      { status: 'rejected', reason: expect.any(UnreadablePackagesError) },
    ]);
    expect(await engine.update(name, nothing)).toMatchObject({ packages: 2 });
  });

  it('finds the request whose packages make createrepo_c crash', async () => {
    const program = join(directory, 'createrepo');
    const script = ['#!/bin/sh', 'if grep -q 00000001- "$8"; then kill -SEGV $$; fi', 'exec createrepo_c "$@"', ''];
    await writeFile(program, script.join('\n'), { mode: 0o755 });
    const engine = createEngine(program);
    const paths = [await publish(0), await publish(1), await publish(2)];
    const results = await Promise.allSettled(paths.map((path) => engine.update(name, { add: [path], remove: [] })));
    // The first ran before anyone could tell which of the packages on the disk it was: it is to try again, not to be blamed.
    expect(results).toMatchObject([
      { status: 'rejected', reason: expect.any(CreaterepoError) },
      { status: 'rejected', reason: expect.any(UnreadablePackagesError) },
      { status: 'fulfilled', value: { packages: 2 } },
    ]);
    expect(await engine.update(name, { add: paths.slice(0, 1), remove: [] })).toMatchObject({ packages: 2 });
  });

  it('withdraws no package because it cannot be read for the moment', async () => {
    const engine = createEngine();
    const first = await publish(0);
    await engine.update(name, { add: [first], remove: [] });
    const whole = await readFile(join(chroot, first));
    await writeFile(join(chroot, first), 'broken');
    const bad = await publish(1);
    await writeFile(join(chroot, bad), 'not a package');
    await expect(engine.update(name, { add: [bad], remove: [] })).rejects.toThrow(
      `cannot read ${first}, which is published already`,
    );
    expect(await engine.update(name, nothing)).toMatchObject({ packages: 1 });
    await writeFile(join(chroot, first), whole);
    await expect(engine.update(name, { add: [bad], remove: [] })).rejects.toThrow(UnreadablePackagesError);
  });

  it('finds its way back when a listed package has vanished from the disk', async () => {
    const engine = createEngine();
    const [first, second] = [await publish(0), await publish(1)];
    await engine.update(name, { add: [first, second], remove: [] });
    await rm(join(chroot, '00000001-hello'), { recursive: true });
    const third = await publish(2);
    // Trusted metadata knows nothing of it; a replaced file makes createrepo_c look.
    await utimes(join(chroot, first), 1_000_000, 1_000_000);
    expect(await engine.update(name, { add: [first, third], remove: [] })).toMatchObject({ packages: 2 });
  });

  it('refuses a chroot that has no directory, and a package that has no file', async () => {
    const engine = createEngine();
    await expect(engine.update({ ...name, project: 'gone' }, nothing)).rejects.toMatchObject({ status: 410 });
    await expect(engine.update(name, { add: ['00000009-x/x.rpm'], remove: [] })).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });
});
