/** copr-cli from PyPI, as it is: canceling and deleting, settings, chroots by pattern, directories and batches. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  api,
  type CoprUser,
  coprUser,
  createdBuilds,
  deleteProjects,
  ENDED,
  localFixture,
  removeScratch,
  untilState,
} from './copr.ts';
import { results, until } from './harness.ts';

const C1 = 'pebble-13-x86_64';
const C2 = 'pebble-12-i386';
const HELLO = 'hello-2.12-1.src.rpm';
const link = (file: string): string => `http://files.example/${file}`;

let carol: CoprUser;
let bob: CoprUser;

beforeAll(async () => {
  carol = await coprUser('carol');
  bob = await coprUser('bob');
  await deleteProjects('carol');
  await carol.ok('create', 'p1', '--chroot', C1, '--chroot', C2);
});

afterAll(async () => {
  await deleteProjects('carol');
  await removeScratch();
});

describe('copr-cli', () => {
  it('row 14: cancels and deletes', async () => {
    const [uploaded = 0] = createdBuilds(
      await carol.ok('build', 'p1', await localFixture(HELLO), '--nowait', '-r', C1),
    );
    const [id = 0] = createdBuilds(await carol.ok('build', 'p1', link('slow-1.0-1.src.rpm'), '--nowait', '-r', C1));
    expect(await untilState(uploaded, ENDED)).toBe('succeeded');
    await untilState(id, ['running', 'starting', 'importing']);
    const early = await carol.copr('delete-build', String(id));
    expect(early.code).toBe(1);
    expect((await bob.copr('cancel', String(id))).code).toBe(7);
    expect(await carol.ok('cancel', String(id))).toBe('canceled\n');
    await untilState(id, ['canceled']);
    const gone = `/results/carol/p1/${C1}/${String(uploaded).padStart(8, '0')}-hello/`;
    // A canceled build is running down for a moment; it may be deleted when it has ended.
    const said = await until(
      'the deletion',
      () => carol.copr('delete-build', String(id), String(uploaded)),
      ({ code }) => code === 0,
      60,
    );
    expect(said.stdout).toBe(`Build(s) ${id}, ${uploaded} were deleted.\n`);
    expect((await api('GET', `/build/${uploaded}`)).status).toBe(404);
    await until(
      'the end of the results',
      () =>
        results(gone.slice(1)).then(
          () => 'there',
          () => 'gone',
        ),
      (answer) => answer === 'gone',
      60,
    );
  });

  it('row 15: changes projects and chroots, and reads them back', async () => {
    expect(await carol.ok('modify', 'p1', '--description', 'other', '--enable-net', 'on', '--repo-priority', '7')).toBe(
      '',
    );
    expect((await api('GET', '/project?ownername=carol&projectname=p1')).body).toMatchObject({
      description: 'other',
      enable_net: true,
      repo_priority: 7,
    });
    const edited = await carol.ok(
      'edit-chroot',
      `p1/${C1}`,
      '--packages',
      'words gcc',
      '--repos',
      'http://files.example/extra/',
      '--rpmbuild-with',
      'tests',
    );
    expect(edited).toBe('Edit chroot operation was successful.\n');
    expect(JSON.parse(await carol.ok('get-chroot', `p1/${C1}`))).toMatchObject({
      mock_chroot: C1,
      additional_packages: ['words', 'gcc'],
      additional_repos: ['http://files.example/extra/'],
      with_opts: ['tests'],
    });
    const config = await carol.ok('mock-config', 'p1', C1);
    expect(config).toContain(`include('/etc/mock/${C1}.cfg')`);
    expect(config).toContain(`config_opts['root'] = 'carol-p1_${C1}'`);
    await carol.ok('edit-chroot', `p1/${C1}`, '--packages', '', '--repos', '', '--rpmbuild-with', '');
    expect(JSON.parse(await carol.ok('get-chroot', `p1/${C1}`))).toMatchObject({
      additional_packages: [],
      additional_repos: [],
    });
  });

  it('row 16: takes chroots by pattern, leaves some out, and skips what cannot be built', async () => {
    const submit = async (...more: string[]): Promise<Record<string, unknown>> => {
      const [id = 0] = createdBuilds(await carol.ok('build', 'p1', link(HELLO), '--nowait', ...more));
      const { body } = await api('GET', `/build/${id}`);
      await carol.ok('cancel', String(id));
      return body;
    };
    expect(await submit('--chroot', 'pebble-*-x86_64', '--background', '--timeout', '600')).toMatchObject({
      chroots: [C1],
      is_background: true,
    });
    expect((await submit('--exclude-chroot', 'pebble-13-*', '--enable-net', 'on')).chroots).toEqual([C2]);
    expect((await carol.copr('build', 'p1', link(HELLO), '--nowait', '--chroot', 'stone-*')).code).toBe(1);
    // `wide` excludes an architecture.
    const [id = 0] = createdBuilds(await carol.ok('build', 'p1', link('wide-1.0-1.src.rpm'), '--nowait'));
    await untilState(id, ENDED);
    const chroots = (await api('GET', `/build-chroot/list?build_id=${id}`)).body.items as { state: string }[];
    expect(chroots.map(({ state }) => state)).toContain('skipped');
  });

  it('row 17: keeps directories apart', async () => {
    const [id = 0] = createdBuilds(await carol.ok('build', 'p1:custom:x', link(HELLO), '--nowait', '-r', C1));
    expect(await untilState(id, ENDED)).toBe('succeeded');
    expect((await api('GET', `/build/${id}`)).body).toMatchObject({
      project_dirname: 'p1:custom:x',
      projectname: 'p1',
    });
    const primary = await results(`results/carol/p1:custom:x/${C1}/repodata/repomd.xml`);
    expect(primary).toContain('<repomd');
    const monitor = JSON.parse(await carol.ok('monitor', 'p1', '--dirname', 'p1:custom:x')) as { name: string }[];
    expect(monitor.map(({ name }) => name)).toEqual(['hello']);
    expect((await carol.copr('build', 'p1:nonsense', link(HELLO), '--nowait')).code).toBe(1);
  });

  it('row 18: lets a build wait for a batch', async () => {
    const one = (...more: string[]) =>
      carol.ok('build', 'p1', link('words-3.1-1.src.rpm'), '--nowait', '-r', C1, ...more);
    const [first = 0] = createdBuilds(await one());
    const [joined = 0] = createdBuilds(await one('--with-build-id', String(first)));
    const [later = 0] = createdBuilds(await one('--after-build-id', String(first)));
    const stateOf = async (id: number): Promise<string> => String((await api('GET', `/build/${id}`)).body.state);
    for (;;) {
      // Asked for before the others: whoever has not ended after that had not ended then.
      const waiting = await stateOf(later);
      const others = await Promise.all([first, joined].map(stateOf));
      if (others.every((state) => ENDED.includes(state))) break;
      expect(waiting).toBe('pending');
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    expect(await untilState(later, ENDED)).toBe('succeeded');
    expect((await carol.copr('build', 'p1', link(HELLO), '--nowait', '--with-build-id', String(first))).code).toBe(1);
  });

  it('row 14, the end: deletes the project, whose name is free at once', async () => {
    expect(await carol.ok('delete', 'p1')).toBe('Project p1 has been deleted.\n');
    expect((await api('GET', '/project?ownername=carol&projectname=p1')).status).toBe(404);
    await carol.ok('create', 'p1', '--chroot', C1);
    expect((await carol.copr('list-builds', 'p1', '--output-format', 'json')).stdout).toBe('');
  });
});
