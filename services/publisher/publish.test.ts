import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchMetrics } from '../../lib/http/testing/metrics.ts';
import { readPackage } from '../../lib/rpm/package.ts';
import { buildPackages } from '../../lib/rpm/testing/build.ts';
import type { RunningProcess } from '../../lib/testing/process.ts';
import { expectStatus, failed, sha256Of, succeeded, TestClient } from './testing/client.ts';
import { poisonedPackage } from './testing/poison.ts';
import { createWorld, type Publisher, startNginx, startPublisher, type World } from './testing/processes.ts';
import { createDnf, fetchRepository } from './testing/repository.ts';

const run = promisify(execFile);
const CHROOT = 'pebble-13-x86_64';

let world: World;
let publisher: Publisher | undefined;
let nginx: (RunningProcess & { port: number }) | undefined;
let client: TestClient;
let base: string;
let packages: string[];

beforeAll(async () => {
  world = await createWorld(await mkdtemp(join(tmpdir(), 'kopr-publish-')));
  nginx = await startNginx(world.directory, world.data);
  base = `http://127.0.0.1:${nginx.port}`;
  publisher = await startPublisher(world, { KOPR_RESULTS_URL: `${base}/results` });
  client = new TestClient(world.tokenKey, publisher.ports.http);
  packages = await buildPackages(join(world.directory, 'built'), {
    name: 'hello',
    epoch: 1,
    version: '2.12',
    arch: 'x86_64',
    subpackages: ['doc'],
  });
});

afterAll(async () => {
  await publisher?.end('SIGKILL');
  await nginx?.end('SIGTERM');
  await world?.keygen.end('SIGKILL');
  await rm(world.directory, { recursive: true, force: true });
});

function resultPath(...parts: string[]): string {
  return join(world.data, 'results', ...parts);
}

async function visibleNames(path: string): Promise<string[]> {
  return (await readdir(path)).filter((name) => !name.startsWith('.')).sort();
}

describe('a project', () => {
  it('has its tree, its key and a signed empty repository from the start', async () => {
    const { body } = expectStatus(await client.setUp('demo', 'empty', [CHROOT, 'pebble-12-i386']), 200);
    expect(body).toMatchObject({
      state: 'done',
      publicKeyURL: `${base}/results/demo/empty/pubkey.gpg`,
      chroots: [
        {
          name: CHROOT,
          generation: 1,
          packages: 0,
          repoURL: `${base}/results/demo/empty/${CHROOT}/`,
          repoFileURL: `${base}/coprs/demo/empty/repo/pebble-13/demo-empty-pebble-13.repo`,
        },
        { name: 'pebble-12-i386', generation: 1 },
      ],
    });
    expect(body.publicKeyFingerprint).toMatch(/^[0-9A-F]{40}$/);
    expect((await fetchRepository(`${base}/results/demo/empty/${CHROOT}`)).packages).toEqual([]);
    const key = await (await fetch(String(body.publicKeyURL))).text();
    expect(key).toContain('BEGIN PGP PUBLIC KEY BLOCK');
    const repo = await (await fetch(`${base}/coprs/demo/empty/repo/pebble-13/demo-empty-pebble-13.repo`)).text();
    expect(repo).toBe(
      `${[
        '[copr:127.0.0.1:demo:empty]',
        'name=Copr repo for empty owned by demo',
        `baseurl=${base}/results/demo/empty/pebble-13-$basearch/`,
        'type=rpm-md',
        'skip_if_unavailable=True',
        'gpgcheck=1',
        `gpgkey=${base}/results/demo/empty/pubkey.gpg`,
        'repo_gpgcheck=0',
        'enabled=1',
        'enabled_metadata=1',
      ].join('\n')}\n`,
    );
    expect(await (await fetch(`${base}/coprs/demo/empty/repo/pebble-13/dnf.repo?arch=x86_64`)).text()).toBe(repo);
  });

  it('is left alone when asked for again, and follows its options', async () => {
    const first = expectStatus(await client.setUp('demo', 'again', [CHROOT]), 200);
    expect(expectStatus(await client.setUp('demo', 'again', [CHROOT]), 200)).toEqual(first);
    const answer = expectStatus(
      await client.setUp('demo', 'again', [CHROOT], { priority: 7, moduleHotfixes: true }),
      200,
    );
    expect(answer).toEqual(first);
    const repo = await readFile(resultPath('demo', 'again', 'repo', 'pebble-13', 'demo-again-pebble-13.repo'), 'utf8');
    expect(repo.split('\n').slice(-3)).toEqual(['module_hotfixes=1', 'priority=7', '']);
  });

  it('of a group is found under the addresses Copr gives it', async () => {
    const { body } = expectStatus(await client.setUp('@team', 'tool', [CHROOT]), 200);
    const url = `${base}/coprs/g/team/tool/repo/pebble-13/group_team-tool-pebble-13.repo`;
    expect(body.chroots).toMatchObject([{ repoFileURL: url, repoURL: `${base}/results/@team/tool/${CHROOT}/` }]);
    const repo = await (await fetch(url)).text();
    expect(repo).toContain('[copr:127.0.0.1:group_team:tool]\n');
    expect(repo).toContain(`baseurl=${base}/results/@team/tool/pebble-13-$basearch/\n`);
    expect(await (await fetch(`${base}/coprs/g/team/tool/repo/pebble-13/`)).text()).toBe(repo);
    expect((await fetchRepository(`${base}/results/@team/tool/${CHROOT}`)).packages).toEqual([]);
  });

  it('that keygen has no name for is refused with a sentence', async () => {
    const answer = await client.setUp('demo', 'c++', [CHROOT]);
    expect(answer).toMatchObject({ status: 422, body: { error: { code: 'KeyRefused' } } });
  });

  it('is gone when it is deleted, and so are its tasks, until it is set up again', async () => {
    expectStatus(await client.setUp('demo', 'brief', [CHROOT]), 200);
    const task = await client.newTask(`demo/brief/${CHROOT}/00000001-hello`);
    await client.uploadPackages(task, packages);
    for (let n = 0; n < 2; n++) expectStatus(await client.control('DELETE', '/v1/projects/demo/brief'), 204);
    await expect(stat(resultPath('demo', 'brief'))).rejects.toMatchObject({ code: 'ENOENT' });
    const late = await client.newTask(`demo/brief/${CHROOT}/00000002-hello`);
    expect(await client.log(late, 0, 'zombie')).toMatchObject({
      status: 410,
      body: { error: { code: 'ProjectDeleted' } },
    });
    expect(await client.publish(task)).toMatchObject({ status: 410 });
    expectStatus(await client.setUp('demo', 'brief', [CHROOT]), 200);
    expect((await fetchRepository(`${base}/results/demo/brief/${CHROOT}`)).packages).toEqual([]);
  });
});

describe('a binary build', () => {
  const dir = `demo/hello/${CHROOT}/00000007-hello`;

  it('is published with signed packages, compressed logs and reports', async () => {
    expectStatus(await client.setUp('demo', 'hello', [CHROOT]), 200);
    const task = await client.newTask(dir);
    const spec = { name: 'hello.spec', content: Buffer.from('Name: hello\n') };
    const buildLog = { name: 'build.log', content: Buffer.from('+ make\n') };
    const forged = ['success', 'results.json', 'builder-live.log.gz', 'verdict.json'].map((name) => ({
      name,
      content: Buffer.from(`forged ${name}`),
    }));
    const rpms = await Promise.all(
      packages.map(async (path) => ({ name: basename(path), content: await readFile(path) })),
    );
    await client.upload(task, [...rpms, spec, buildLog, ...forged]);
    const answer = await client.published(task);

    expect(answer).toMatchObject({ state: 'done', verdict: succeeded, generation: 2 });
    expect(answer.packages.map((each) => `${each.name} ${each.epoch} ${each.version} ${each.arch}`).sort()).toEqual([
      'hello 1 2.12 src',
      'hello 1 2.12 x86_64',
      'hello-doc 1 2.12 x86_64',
    ]);
    expect(await visibleNames(resultPath(...dir.split('/')))).toEqual(
      [
        ...packages.map((path) => basename(path)),
        'build.info',
        'build.log.gz',
        'builder-live.log.gz',
        'hello.spec',
        'results.json',
        'success',
      ].sort(),
    );
    const read = (name: string): Promise<Buffer> => readFile(resultPath(...dir.split('/'), name));
    expect((await read('success')).toString()).toBe('done\n');
    expect((await read('build.info')).toString()).toBe('build_id=7\n');
    expect(JSON.parse((await read('results.json')).toString())).toEqual({ packages: answer.packages });
    expect(gunzipSync(await read('build.log.gz')).toString()).toBe('+ make\n');
    expect(gunzipSync(await read('builder-live.log.gz')).toString()).toBe('building 00000007-hello\n');
    expect((await fetchRepository(`${base}/results/demo/hello/${CHROOT}`)).packages.sort()).toEqual(
      packages.map((path) => `00000007-hello/${basename(path)}`).sort(),
    );
    await expect(stat(join(world.data, 'staging', task.task))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('gets the same answer however often it is asked for, and no second generation', async () => {
    const task = await client.newTask(`demo/hello/${CHROOT}/00000008-hello`);
    await client.uploadPackages(task, packages);
    const answers = await Promise.all([1, 2, 3].map(() => client.published(task)));
    answers.push(await client.published(task));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    const state = expectStatus(await client.setUp('demo', 'hello', [CHROOT]), 200).body.chroots;
    expect(state).toMatchObject([{ generation: answers[0]?.generation, packages: 6 }]);
  });

  it('is accepted by rpm -K at its strictest, and by dnf with both checks on', async () => {
    const key = join(world.directory, 'hello.gpg');
    await writeFile(key, await (await fetch(`${base}/results/demo/hello/pubkey.gpg`)).text());
    const database = join(world.directory, 'rpmdb');
    await run('rpmkeys', ['--dbpath', database, '--import', key]);
    for (const path of packages) {
      const args = [
        '--dbpath',
        database,
        '--define',
        '_pkgverify_level all',
        '-K',
        resultPath(...dir.split('/'), basename(path)),
      ];
      expect((await run('rpmkeys', args)).stdout).toContain('digests signatures OK');
    }
    const text = await (await fetch(`${base}/coprs/demo/hello/repo/pebble-13/demo-hello-pebble-13.repo`)).text();
    const dnf = await createDnf(join(world.directory, 'dnf'), text.replace('repo_gpgcheck=0', 'repo_gpgcheck=1'));
    expect(await dnf('repoquery', '--qf', '%{name}-%{evr}.%{arch}')).toContain('hello-1:2.12-1.x86_64');
    await dnf('install', 'hello-doc');
    expect(await readFile(join(world.directory, 'dnf', 'root', 'opt', 'hello', 'doc'), 'utf8')).toBe('doc\n');
  });

  it('is not installed by dnf when its package was changed on the way', async () => {
    expectStatus(await client.setUp('demo', 'tampered', [CHROOT]), 200);
    const task = await client.newTask(`demo/tampered/${CHROOT}/00000001-hello`);
    await client.uploadPackages(task, packages);
    await client.published(task);
    const text = await (await fetch(`${base}/coprs/demo/tampered/repo/pebble-13/demo-tampered-pebble-13.repo`)).text();
    // The unsigned original under the metadata of another project's key: neither check may let it pass.
    const dnf = await createDnf(
      join(world.directory, 'dnf2'),
      text.replace('/tampered/pubkey.gpg', '/hello/pubkey.gpg'),
    );
    await expect(dnf('install', 'hello-doc')).rejects.toThrow(/GPG|not signed|public key/i);
  });

  it('that failed gets its logs published and nothing else', async () => {
    const task = await client.newTask(`demo/hello/${CHROOT}/00000009-hello`);
    const rpm = { name: basename(packages[1] ?? ''), content: await readFile(packages[1] ?? '') };
    await client.upload(task, [rpm, { name: 'root.log', content: Buffer.from('no such package') }], failed);
    const answer = await client.published(task);
    expect(answer).toEqual({ state: 'done', verdict: failed, packages: [] });
    expect(await visibleNames(resultPath('demo', 'hello', CHROOT, '00000009-hello'))).toEqual([
      'build.info',
      'builder-live.log.gz',
      'root.log.gz',
    ]);
    expect((await fetchRepository(`${base}/results/demo/hello/${CHROOT}`)).packages).toHaveLength(6);
  });

  it('works in a project whose set-up has not been asked for yet', async () => {
    const task = await client.newTask(`demo/early/${CHROOT}/00000001-hello`);
    await client.uploadPackages(task, packages);
    expect(await client.published(task)).toMatchObject({ generation: 1 });
    expect((await fetch(`${base}/results/demo/early/pubkey.gpg`)).status).toBe(200);
    expectStatus(await client.setUp('demo', 'early', [CHROOT]), 200);
  });

  it('that is replaced by a later attempt leaves only the new packages', async () => {
    const again = `demo/hello/${CHROOT}/00000010-hello`;
    const uid = randomUUID();
    const first = await client.newTask(again, `${uid}.1`);
    await client.uploadPackages(first, packages);
    await client.published(first);
    const second = await client.newTask(again, `${uid}.2`);
    const newer = await buildPackages(join(world.directory, 'newer'), { name: 'hello', version: '3', arch: 'x86_64' });
    await client.uploadPackages(second, [...newer, packages[2] ?? '']);
    await client.published(second);
    const { packages: listed } = await fetchRepository(`${base}/results/demo/hello/${CHROOT}`);
    expect(listed.filter((path) => path.startsWith('00000010')).sort()).toEqual(
      [...newer, packages[2] ?? ''].map((path) => `00000010-hello/${basename(path)}`).sort(),
    );
    for (const path of listed) expect((await fetch(`${base}/results/demo/hello/${CHROOT}/${path}`)).status).toBe(200);
    expect(await client.publish(first)).toMatchObject({ status: 200 });
  });
});

describe('packages that are not what they should be', () => {
  let number = 100;

  async function refuse(
    files: { name: string; content: Buffer }[],
    architecture = 'x86_64',
    chroot = CHROOT,
  ): Promise<string> {
    number++;
    const dir = `demo/bad/${chroot}/${String(number).padStart(8, '0')}${chroot === CHROOT ? '-bad' : ''}`;
    const task = await client.newTask(dir);
    await client.upload(task, files);
    const answer = await client.publish(task, architecture);
    expect(answer.status).toBe(422);
    expect(await client.publish(task, architecture)).toEqual(answer);
    const path = resultPath(...dir.split('/'));
    expect(await visibleNames(path)).toEqual(['build.info', 'builder-live.log.gz']);
    const { message } = answer.body.error as { message: string };
    expect(gunzipSync(await readFile(join(path, 'builder-live.log.gz'))).toString()).toContain(message);
    return message;
  }

  it.each<[string, (whole: Buffer) => Buffer, RegExp]>([
    ['is no RPM', () => Buffer.from('hello'), /hello-2.12-1.x86_64.rpm ends within its lead/],
    ['is damaged', (whole) => Buffer.concat([whole.subarray(0, -1), Buffer.from('x')]), /is damaged: the .* digest/],
    ['is cut short', (whole) => whole.subarray(0, -10), /is damaged: the size does not match/],
  ])('are refused when one %s', async (_what, change, message) => {
    const [, binary = ''] = packages;
    const content = change(await readFile(binary));
    expect(await refuse([{ name: basename(binary), content }])).toMatch(message);
  });

  it('are refused under another name than their own', async () => {
    const content = await readFile(packages[1] ?? '');
    expect(await refuse([{ name: 'glibc-9-1.x86_64.rpm', content }])).toMatch(
      /its header says it is hello-2.12-1.x86_64.rpm/,
    );
  });

  it('are refused when the chroot does not build their architecture', async () => {
    const [, binary = ''] = packages;
    const file = { name: basename(binary), content: await readFile(binary) };
    expect(await refuse([file], 'i386')).toMatch(/is for x86_64, which a chroot for i386 does not build/);
  });

  it('are refused from a source build that gives a binary package, or none', async () => {
    const [source = '', binary = ''] = packages;
    const files = [source, binary].map(async (path) => ({ name: basename(path), content: await readFile(path) }));
    expect(await refuse(await Promise.all(files), 'x86_64', 'srpm-builds')).toMatch(/gives one source package/);
    expect(await refuse([], 'x86_64', 'srpm-builds')).toMatch(/uploaded no source package/);
  });

  it('do not get in the way of the other packages when only createrepo_c finds the fault', async () => {
    expectStatus(await client.setUp('demo', 'poison', [CHROOT]), 200);
    // A header that rpm refuses although its digests are right: made by a build that wants to break the repository.
    const [, binary = ''] = packages;
    const poisoned = poisonedPackage(await readFile(binary), await readPackage(binary));
    const tasks = await Promise.all([1, 2, 3].map((n) => client.newTask(`demo/poison/${CHROOT}/0000000${n}-hello`)));
    const [good1, bad, good2] = tasks;
    if (good1 === undefined || bad === undefined || good2 === undefined) throw new Error('no tasks');
    await client.uploadPackages(good1, packages);
    await client.upload(bad, [{ name: basename(packages[1] ?? ''), content: poisoned }]);
    await client.uploadPackages(good2, packages);
    const answers = await Promise.all([client.publish(good1), client.publish(bad), client.publish(good2)]);
    expect(answers.map((answer) => answer.status)).toEqual([200, 422, 200]);
    expect(answers[1]?.body.error).toMatchObject({
      message: expect.stringContaining('createrepo_c cannot read its packages'),
    });
    const { packages: listed } = await fetchRepository(`${base}/results/demo/poison/${CHROOT}`);
    expect(listed).toHaveLength(6);
    expect(listed.some((path) => path.startsWith('00000002'))).toBe(false);
    expect(await visibleNames(resultPath('demo', 'poison', CHROOT, '00000002-hello'))).toEqual([
      'build.info',
      'builder-live.log.gz',
    ]);
  });
});

describe('a source build', () => {
  it('is published below srpm-builds, unsigned and in no repository', async () => {
    const task = await client.newTask('demo/hello/srpm-builds/00000042');
    const [source = ''] = packages;
    await client.uploadPackages(task, [source]);
    const content = await readFile(source);
    expect(await client.published(task)).toEqual({
      state: 'done',
      verdict: succeeded,
      packages: [{ name: 'hello', epoch: 1, version: '2.12', release: '1', arch: 'src' }],
      srpm: {
        path: 'demo/hello/srpm-builds/00000042/hello-2.12-1.src.rpm',
        sha256: sha256Of(content),
        size: content.length,
      },
    });
    const served = await fetch(`${base}/results/demo/hello/srpm-builds/00000042/hello-2.12-1.src.rpm`);
    expect(Buffer.from(await served.arrayBuffer()).equals(content)).toBe(true);
    expect(await visibleNames(resultPath('demo', 'hello', 'srpm-builds'))).toEqual(['00000042']);
    const report = JSON.parse(
      await readFile(resultPath('demo', 'hello', 'srpm-builds', '00000042', 'results.json'), 'utf8'),
    );
    expect(report).toEqual({ name: 'hello', epoch: 1, version: '2.12', release: '1', architecture_specific_tags: {} });
  });
});

describe('the control API', () => {
  it('publishes nothing that is not complete or belongs elsewhere', async () => {
    const open = await client.newTask(`demo/hello/${CHROOT}/00000050-hello`);
    await client.log(open, 0, 'x');
    expect(await client.publish(open)).toMatchObject({ status: 409, body: { error: { code: 'NotComplete' } } });
    await client.complete(open, { verdict: failed, files: [] });
    const elsewhere = { ...open, directory: '00000007-hello' };
    expect(await client.publish(elsewhere)).toMatchObject({ status: 409, body: { error: { code: 'WrongDirectory' } } });
    expect(await client.publish(open)).toMatchObject({ status: 200 });
  });

  it('answers 202 when the result is not there in time', async () => {
    const task = await client.newTask(`demo/hello/${CHROOT}/00000051-hello`);
    await client.uploadPackages(task, packages);
    expect(await client.publish(task, 'x86_64', 0)).toMatchObject({ status: 202, body: { state: 'working' } });
    expect(await client.published(task)).toMatchObject({ state: 'done' });
  });

  it('shows metrics without a label per project', async () => {
    const text = await fetchMetrics(publisher?.ports.metrics ?? 0);
    expect(text).toMatch(/^kopr_createrepo_seconds_count\{mode="incremental"\} [1-9]/m);
    expect(text).toMatch(/^kopr_createrepo_batch_size_count [1-9]/m);
    expect(text).toMatch(/^kopr_publish_lag_seconds_count [1-9]/m);
    expect(text).toMatch(/^kopr_sign_seconds_count [1-9]/m);
    expect(text).toMatch(/^kopr_repo_packages_count [1-9]/m);
    expect(text).not.toMatch(/hello|demo/);
    expect((await fetch(`http://127.0.0.1:${publisher?.ports.metrics}/readyz`)).status).toBe(200);
  });
});
