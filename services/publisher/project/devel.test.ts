import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RepositoryRequest } from '../../../lib/protocol/publisher.ts';
import { expectStatus, type TestTask } from '../testing/client.ts';
import { createDnf, fetchRepository } from '../testing/repository.ts';
import { CHROOT, createSite, type Site } from '../testing/site.ts';

const COMPS = `<?xml version="1.0" encoding="UTF-8"?>
<comps>
  <group>
    <id>greetings</id>
    <name>Greetings to everybody</name>
    <description>All that says hello.</description>
    <default>true</default>
    <uservisible>true</uservisible>
    <packagelist><packagereq type="mandatory">hello-doc</packagereq></packagelist>
  </group>
</comps>
`;

let site: Site;
let number = 0;

beforeAll(async () => {
  site = await createSite();
});

afterAll(() => site.end());

/** Answers with the body. */
async function setUp(project: string, more: Partial<RepositoryRequest> & { comps?: string } = {}) {
  const { comps, ...rest } = more;
  const chroot = { name: CHROOT, architecture: 'x86_64', ...(comps === undefined ? {} : { comps }) };
  const request = { chroots: [chroot], repoFile: { moduleHotfixes: false }, ...rest };
  return expectStatus(await site.client.control('PUT', `/v1/projects/demo/${project}?wait=30`, request), 200).body;
}

async function publish(project: string): Promise<TestTask> {
  const directory = `${String(++number).padStart(8, '0')}-hello`;
  const task = await site.client.newTask(`demo/${project}/${CHROOT}/${directory}`);
  await site.client.uploadPackages(task, site.packages);
  await site.client.published(task);
  return task;
}

function root(project: string): string {
  return `${site.base}/results/demo/${project}/${CHROOT}`;
}

async function repoFile(project: string): Promise<string> {
  return (await fetch(`${site.base}/coprs/demo/${project}/repo/pebble-13/dnf.repo`)).text();
}

describe('a project in devel mode', () => {
  it('shows its builds to dnf below devel, and to everybody when it is asked to', async () => {
    expect(await setUp('held', { develMode: true })).toMatchObject({
      chroots: [{ packages: 0, develURL: `${root('held')}/devel/` }],
    });
    const task = await publish('held');
    expect((await site.client.published(task)).generation).toBeUndefined();
    expect((await fetchRepository(root('held'))).packages).toEqual([]);
    const listed = (await fetchRepository(`${root('held')}/devel`)).packages;
    expect(listed).toContain(`../${task.directory}/hello-doc-2.12-1.x86_64.rpm`);

    const text = (await repoFile('held'))
      .replace(/^baseurl=.*$/m, `baseurl=${root('held')}/devel/`)
      .replace('repo_gpgcheck=0', 'repo_gpgcheck=1');
    const dnf = await createDnf(join(site.world.directory, 'devel'), text);
    await dnf('install', 'hello-doc');
    const installed = join(site.world.directory, 'devel', 'root', 'opt', 'hello', 'doc');
    expect(await readFile(installed, 'utf8')).toBe('doc\n');

    const wish = { develMode: true, regenerate: 'once' };
    expect(await setUp('held', wish)).toMatchObject({ regenerated: 'once', chroots: [{ packages: listed.length }] });
    await publish('held');
    // The same wish again, and again without it: what came later stays held back.
    for (const request of [wish, { develMode: true }])
      expect(await setUp('held', request)).toMatchObject({ chroots: [{ packages: listed.length }] });
    const last = await setUp('held', { regenerate: 'once' });
    expect(last).toMatchObject({ regenerated: 'once', chroots: [{ packages: 2 * listed.length }] });
    expect(last.chroots).not.toMatchObject([{ develURL: expect.anything() }]);
    expect((await fetchRepository(root('held'))).packages).toHaveLength(2 * listed.length);
  });

  it('is so for each directory of the project by itself', async () => {
    await setUp('mixed');
    await setUp('mixed:pr:1', { develMode: true });
    const [open, held] = [await publish('mixed'), await publish('mixed:pr:1')];
    const names = async (repository: string): Promise<Set<string | undefined>> =>
      new Set((await fetchRepository(repository)).packages.map((path) => path.split('/').at(-2)));
    expect(await names(root('mixed'))).toEqual(new Set([open.directory]));
    expect(await names(root('mixed:pr:1'))).toEqual(new Set());
    expect(await names(`${root('mixed:pr:1')}/devel`)).toEqual(new Set([held.directory]));
  });
});

describe('groups of packages', () => {
  it('are known to dnf as long as the project has them', async () => {
    await setUp('groups', { comps: COMPS });
    await publish('groups');
    expect(await (await fetch(`${root('groups')}/comps.xml`)).text()).toBe(COMPS);
    const text = await repoFile('groups');
    const dnf = await createDnf(join(site.world.directory, 'groups'), text);
    expect(await dnf('group', 'info', 'greetings')).toMatch(/Greetings to everybody[\s\S]*hello-doc/);
    await dnf('group', 'install', 'greetings');
    const installed = join(site.world.directory, 'groups', 'root', 'opt', 'hello', 'doc');
    expect(await readFile(installed, 'utf8')).toBe('doc\n');
    await setUp('groups');
    expect((await fetch(`${root('groups')}/comps.xml`)).status).toBe(404);
    // Another system: this one remembers what it has installed.
    const other = await createDnf(join(site.world.directory, 'no-groups'), text);
    await expect(other('group', 'list')).rejects.toThrow('No group data available');
  });
});

describe('the removal of builds', () => {
  it('is asked for over HTTP, and answers as often as it is asked', async () => {
    await setUp('removed');
    const [first, second] = [await publish('removed'), await publish('removed')];
    const builds = [Number.parseInt(first.directory, 10)];
    const request = { owner: 'demo', project: 'removed', builds };
    for (let n = 0; n < 2; n++) {
      const answer = await site.client.control('PUT', '/v1/removals/uid-1?wait=30', request);
      expect(answer).toEqual({ status: 200, body: { state: 'done', removed: 1 } });
    }
    const { packages } = await fetchRepository(root('removed'));
    expect(new Set(packages.map((path) => path.split('/')[0]))).toEqual(new Set([second.directory]));
    expect((await fetch(`${root('removed')}/${first.directory}/`)).status).toBe(404);
    expect(await site.client.publish(first)).toMatchObject({ status: 200 });
    expect(await site.client.log(first, 0, 'late')).toMatchObject({
      status: 410,
      body: { error: { code: 'BuildRemoved' } },
    });
    expect((await fetch(`${root('removed')}/${first.directory}/`)).status).toBe(404);
  });

  it.each([
    [{ owner: 'demo', project: 'x', builds: [] }, 'builds'],
    [{ owner: '..', project: 'x', builds: [1] }, 'owner'],
    [{ owner: 'demo', project: '../x', builds: [1] }, 'project'],
  ])('of %j is refused with a sentence', async (request, what) => {
    const answer = await site.client.control('PUT', '/v1/removals/uid-2', request);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain(what);
  });

  it('needs a control token', async () => {
    const answer = await site.client.send('PUT', '/v1/removals/uid-3', '', '{}');
    expect(answer.status).toBe(401);
  });
});
