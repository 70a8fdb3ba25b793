import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPackages } from '../../../lib/rpm/testing/build.ts';
import { expectStatus, failed, sha256Of, succeeded, type TestClient } from '../testing/client.ts';
import { createDnf, fetchRepository } from '../testing/repository.ts';
import { CHROOT, createSite, type Site, visibleNames } from '../testing/site.ts';

const run = promisify(execFile);

let site: Site;
let base: string;
let client: TestClient;
let packages: string[];

beforeAll(async () => {
  site = await createSite();
  ({ base, client, packages } = site);
});

afterAll(() => site.end());

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
    expect(await visibleNames(site.resultPath(...dir.split('/')))).toEqual(
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
    const read = (name: string): Promise<Buffer> => readFile(site.resultPath(...dir.split('/'), name));
    expect((await read('success')).toString()).toBe('done\n');
    expect((await read('build.info')).toString()).toBe('build_id=7\n');
    expect(JSON.parse((await read('results.json')).toString())).toEqual({ packages: answer.packages });
    expect(gunzipSync(await read('build.log.gz')).toString()).toBe('+ make\n');
    expect(gunzipSync(await read('builder-live.log.gz')).toString()).toBe('building 00000007-hello\n');
    expect((await fetchRepository(`${base}/results/demo/hello/${CHROOT}`)).packages.sort()).toEqual(
      packages.map((path) => `00000007-hello/${basename(path)}`).sort(),
    );
    await expect(stat(join(site.world.data, 'staging', task.task))).rejects.toMatchObject({ code: 'ENOENT' });
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
    const key = join(site.world.directory, 'hello.gpg');
    await writeFile(key, await (await fetch(`${base}/results/demo/hello/pubkey.gpg`)).text());
    const database = join(site.world.directory, 'rpmdb');
    await run('rpmkeys', ['--dbpath', database, '--import', key]);
    for (const path of packages) {
      const args = [
        '--dbpath',
        database,
        '--define',
        '_pkgverify_level all',
        '-K',
        site.resultPath(...dir.split('/'), basename(path)),
      ];
      expect((await run('rpmkeys', args)).stdout).toContain('digests signatures OK');
    }
    const text = await (await fetch(`${base}/coprs/demo/hello/repo/pebble-13/demo-hello-pebble-13.repo`)).text();
    const dnf = await createDnf(join(site.world.directory, 'dnf'), text.replace('repo_gpgcheck=0', 'repo_gpgcheck=1'));
    expect(await dnf('repoquery', '--qf', '%{name}-%{evr}.%{arch}')).toContain('hello-1:2.12-1.x86_64');
    await dnf('install', 'hello-doc');
    expect(await readFile(join(site.world.directory, 'dnf', 'root', 'opt', 'hello', 'doc'), 'utf8')).toBe('doc\n');
  });

  it('is not installed by dnf when its package was changed on the way', async () => {
    expectStatus(await client.setUp('demo', 'tampered', [CHROOT]), 200);
    const task = await client.newTask(`demo/tampered/${CHROOT}/00000001-hello`);
    await client.uploadPackages(task, packages);
    await client.published(task);
    const text = await (await fetch(`${base}/coprs/demo/tampered/repo/pebble-13/demo-tampered-pebble-13.repo`)).text();
    // The unsigned original under the metadata of another project's key: neither check may let it pass.
    const dnf = await createDnf(
      join(site.world.directory, 'dnf2'),
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
    expect(await visibleNames(site.resultPath('demo', 'hello', CHROOT, '00000009-hello'))).toEqual([
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
    const newer = await buildPackages(join(site.world.directory, 'newer'), {
      name: 'hello',
      version: '3',
      arch: 'x86_64',
    });
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
    expect(await visibleNames(site.resultPath('demo', 'hello', 'srpm-builds'))).toEqual(['00000042']);
    const report = JSON.parse(
      await readFile(site.resultPath('demo', 'hello', 'srpm-builds', '00000042', 'results.json'), 'utf8'),
    );
    expect(report).toEqual({
      name: 'hello',
      epoch: 1,
      version: '2.12',
      release: '1',
      architecture_specific_tags: { 'pebble-13': {} },
    });
  });

  it('says for each distribution of the project for which architectures its package is', async () => {
    expectStatus(await client.setUp('demo', 'choosy', ['pebble-13-x86_64', 'pebble-13-i386', 'pebble-12-i386']), 200);
    const [source = ''] = await buildPackages(join(site.world.directory, 'choosy'), {
      name: 'choosy',
      preamble: 'ExclusiveArch: x86_64 noarch\nExclusiveArch: aarch64 x86_64\nExcludeArch: s390x i386',
    });
    const task = await client.newTask('demo/choosy/srpm-builds/00000043');
    await client.uploadPackages(task, [source]);
    await client.published(task);
    const file = site.resultPath('demo', 'choosy', 'srpm-builds', '00000043', 'results.json');
    const tags = {
      exclusivearch: ['aarch64', 'noarch', 'x86_64'],
      excludearch: ['i386', 's390x'],
      buildarch: ['noarch'],
    };
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
      name: 'choosy',
      architecture_specific_tags: { 'pebble-12': tags, 'pebble-13': tags },
    });
  });
});
