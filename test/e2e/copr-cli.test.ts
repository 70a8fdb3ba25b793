/** copr-cli and python-copr from PyPI, as they are: what a packager does first, in the order in which it is done. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  api,
  apiURL,
  type CoprUser,
  coprUser,
  createdBuilds,
  deleteProjects,
  ENDED,
  localFixture,
  removeScratch,
  scratchDirectory,
  untilState,
} from './copr.ts';
import { cluster, kubectl } from './harness.ts';

const C1 = 'pebble-13-x86_64';
const C2 = 'pebble-12-i386';
const HELLO = 'hello-2.12-1.src.rpm';
const link = (file: string): string => `http://files.example/${file}`;

let alice: CoprUser;
let url: string;
/** The build of row 5. */
let uploaded = 0;

beforeAll(async () => {
  alice = await coprUser('alice');
  await coprUser('bob');
  url = await apiURL();
  await deleteProjects('alice');
});

afterAll(async () => {
  await deleteProjects('alice');
  await removeScratch();
});

describe('copr-cli', () => {
  it('row 1: knows who one is, and python-copr checks it', async () => {
    expect(await alice.ok('whoami')).toBe('alice\n');
    const good = await alice.python(
      'print(json.dumps([client.base_proxy.home()["version"], client.base_proxy.auth_check()["name"]]))',
    );
    expect(good).toMatchObject({ code: 0, stdout: '[3, "alice"]\n' });
    const wrong = await alice.python('client.config["token"] = "x" * 30\nclient.base_proxy.auth_check()');
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain(`${url}/api`);
  });

  it('row 2: lists the chroots', async () => {
    const lines = (await alice.ok('list-chroots')).split('\n');
    expect(lines).toContain(C1);
    expect(lines).toContain(C2);
  });

  it('row 3: creates a project, once, with chroots that exist, in one’s own name', async () => {
    const created = await alice.ok('create', 'p1', '--chroot', C1, '--chroot', C2, '--description', 'd');
    expect(created).toBe(`New project was successfully created: ${url}/coprs/alice/p1/\n`);
    expect(JSON.parse(await kubectl('-n', 'alice', 'get', 'project', 'p1', '-o', 'json')).spec).toMatchObject({
      chroots: [C1, C2],
      description: 'd',
    });
    const again = await alice.copr('create', 'p1', '--chroot', C1);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('You already have a project named');
    const unknown = await alice.copr('create', 'p2', '--chroot', 'stone-1-x86_64');
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('is not a valid choice for this field');
    const foreign = await alice.copr('create', 'bob/p1', '--chroot', C1);
    expect(foreign.code).toBe(7);
    expect((await api('GET', '/project/list?ownername=bob')).body.items).toEqual([]);
  });

  it('row 4: shows the project and lists it beside those of kubectl', async () => {
    const shown = await alice.ok('get', 'p1');
    expect(shown).toMatch(/^Name: p1$/m);
    expect(shown).toMatch(/^ {2}Description: d$/m);
    for (const chroot of [C1, C2]) {
      expect(shown).toMatch(new RegExp(`^ {4}${chroot}: http\\S+/results/alice/p1/${chroot}/$`, 'm'));
    }
    const manifest = { apiVersion: 'kopr.dev/v1alpha1', kind: 'Project', metadata: { name: 'byhand' } };
    await (await cluster()).kubectl(
      ['-n', 'alice', 'apply', '-f', '-'],
      JSON.stringify({ ...manifest, spec: { chroots: [C1] } }),
    );
    const listed = await alice.ok('list');
    expect(listed.match(/^Name: .*$/gm)?.sort()).toEqual(['Name: byhand', 'Name: p1']);
    const nobody = await alice.copr('list', 'nobody-at-all');
    expect(nobody).toMatchObject({ code: 0, stdout: '' });
    expect(nobody.stderr).not.toBe('');
  });

  it('row 5: uploads a source package', async () => {
    const file = await localFixture(HELLO);
    const said = await alice.ok('build', 'p1', file, '--nowait');
    expect(said).toContain(`Uploading package ${file}`);
    [uploaded = 0] = createdBuilds(said);
    expect(said).toContain(`Build was added to p1:\n  ${url}/coprs/build/${uploaded}\n`);
  });

  it('row 6: follows builds to their end, good or bad', async () => {
    const [broken = 0] = createdBuilds(await alice.ok('build', 'p1', link('broken-1.0-1.src.rpm'), '--nowait'));
    expect(await untilState(uploaded, ENDED)).toBe('succeeded');
    expect(await alice.ok('status', String(uploaded))).toBe('succeeded\n');
    expect(await alice.ok('watch-build', String(uploaded))).toMatch(
      new RegExp(`\\d\\d:\\d\\d:\\d\\d Build ${uploaded}: succeeded`),
    );
    expect(await untilState(broken, ENDED)).toBe('failed');
    const watched = await alice.copr('watch-build', String(broken));
    expect(watched.code).toBe(4);
    expect(watched.stderr).toContain(`Build error: Build(s) ${broken} failed.`);
  });

  it('row 7: builds from URLs, one build for each', async () => {
    const said = await alice.ok('build', 'p1', link(HELLO), link('words-3.1-1.src.rpm'), '--nowait', '-r', C1);
    const builds = createdBuilds(said);
    expect(builds).toHaveLength(2);
    for (const id of builds) expect(await untilState(id, ENDED)).toBe('succeeded');
  });

  it('row 9: lists builds, the newest first, and what the monitor knows', async () => {
    const rows = (await alice.ok('list-builds', 'p1', '--output-format', 'text-row')).trim().split('\n');
    const ids = rows.map((row) => Number(row.split('\t')[0]));
    expect(ids).toEqual([...ids].sort((a, b) => b - a));
    expect(rows.find((row) => Number(row.split('\t')[0]) === uploaded)).toMatch(/'?hello'?\t'?succeeded'?$/);
    const monitor = JSON.parse(await alice.ok('monitor', 'p1')) as { name: string; chroot: string; state: string }[];
    expect(monitor.map(({ name, chroot, state }) => `${name} ${chroot} ${state}`)).toEqual(
      expect.arrayContaining([
        `hello ${C1} succeeded`,
        `hello ${C2} succeeded`,
        `words ${C1} succeeded`,
        `broken ${C1} failed`,
      ]),
    );
  });

  it('row 10: knows the packages that were built', async () => {
    expect((await alice.ok('list-package-names', 'p1')).split('\n')).toEqual(
      expect.arrayContaining(['broken', 'hello', 'words']),
    );
    const listed = JSON.parse(await alice.ok('list-packages', 'p1', '--with-latest-build')) as Record<
      string,
      unknown
    >[];
    const hello = listed.find(({ name }) => name === 'hello');
    expect(hello).toMatchObject({ ownername: 'alice', projectname: 'p1', source_type: 'upload', auto_rebuild: false });
    expect(hello?.latest_build).toMatchObject({ state: 'succeeded', source_package: { version: '2.12-1' } });
    const words = JSON.parse(await alice.ok('get-package', 'p1', '--name', 'words')) as Record<string, unknown>;
    expect(words).toMatchObject({ name: 'words', source_type: 'link' });
    expect((await alice.copr('get-package', 'p1', '--name', 'nothing')).code).toBe(1);
  });

  it('row 11: downloads what was built', async () => {
    const dest = join(await scratchDirectory(), 'downloaded');
    await alice.ok('download-build', String(uploaded), '--rpms', '--dest', dest);
    expect((await readdir(join(dest, C1))).filter((name) => name.endsWith('.rpm'))).toEqual(
      expect.arrayContaining(['hello-2.12-1.pb13.src.rpm', 'hello-2.12-1.pb13.x86_64.rpm']),
    );
    expect(await readdir(join(dest, C2))).toEqual(expect.arrayContaining(['hello-2.12-1.pb12.i386.rpm']));
  });

  it('row 12: keeps packages with a Git source, builds, changes, resets and deletes them', async () => {
    const clone = 'http://files.example/git/greet.git';
    const done = 'Create or edit operation was successful.\n';
    expect(await alice.ok('add-package-scm', 'p1', '--name', 'greet', '--clone-url', clone)).toBe(done);
    expect((await alice.copr('add-package-scm', 'p1', '--name', 'greet', '--clone-url', clone)).code).toBe(1);
    const [id = 0] = createdBuilds(await alice.ok('build-package', 'p1', '--name', 'greet', '--nowait', '-r', C1));
    expect(await untilState(id, ENDED)).toBe('succeeded');
    expect(await alice.ok('edit-package-scm', 'p1', '--name', 'greet', '--clone-url', clone, '--commit', 'main')).toBe(
      done,
    );
    expect(JSON.parse(await alice.ok('get-package', 'p1', '--name', 'greet'))).toMatchObject({
      source_type: 'scm',
      source_dict: { clone_url: clone, committish: 'main', type: 'git' },
    });
    await alice.ok('reset-package', 'p1', '--name', 'greet');
    expect((await alice.copr('build-package', 'p1', '--name', 'greet', '--nowait')).code).toBe(1);
    await alice.ok('delete-package', 'p1', '--name', 'greet');
    expect((await alice.ok('list-package-names', 'p1')).split('\n')).not.toContain('greet');
    expect((await api('GET', `/build/${id}`)).status).toBe(404);
  });
});
