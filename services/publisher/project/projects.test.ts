import { readFile, stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectStatus, type TestClient } from '../testing/client.ts';
import { fetchRepository } from '../testing/repository.ts';
import { CHROOT, createSite, type Site } from '../testing/site.ts';

let site: Site;
let base: string;
let client: TestClient;
let packages: string[];

beforeAll(async () => {
  site = await createSite();
  ({ base, client, packages } = site);
});

afterAll(() => site.end());

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
    for (const place of ['pebble-13', CHROOT])
      expect(await (await fetch(`${base}/coprs/demo/empty/repo/${place}/dnf.repo?arch=x86_64`)).text()).toBe(repo);
    for (const place of ['pebble-14', 'pebble-13-i386', 'pebble'])
      expect((await fetch(`${base}/coprs/demo/empty/repo/${place}/dnf.repo`)).status).toBe(404);
  });

  it('is left alone when asked for again, and follows its options', async () => {
    const first = expectStatus(await client.setUp('demo', 'again', [CHROOT]), 200);
    expect(expectStatus(await client.setUp('demo', 'again', [CHROOT]), 200)).toEqual(first);
    const answer = expectStatus(
      await client.setUp('demo', 'again', [CHROOT], { priority: 7, moduleHotfixes: true }),
      200,
    );
    expect(answer).toEqual(first);
    const repo = await readFile(site.resultPath('demo', 'again', 'repo', 'pebble-13', 'dnf.repo'), 'utf8');
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
    expect(await (await fetch(`${base}/coprs/@team/tool/repo/pebble-13/dnf.repo`)).text()).toBe(repo);
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
    await expect(stat(site.resultPath('demo', 'brief'))).rejects.toMatchObject({ code: 'ENOENT' });
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
