/** "dnf copr" of Debian, as it is, against the facade; the machine that it installs to is a directory. Its package is unpacked
 * beside the system: there it would push zypper out, which other tests need. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lastLine, ROOT, run } from '../../deploy/run.ts';
import {
  api,
  apiURL,
  type CoprUser,
  coprUser,
  createdBuilds,
  deleteProjects,
  ENDED,
  execute,
  removeScratch,
  type Said,
  scratchDirectory,
  untilState,
} from './copr.ts';

const CHROOT = 'pebble-13-x86_64';

let dave: CoprUser;
let root: string;
let hub: URL;

/** dnf for the machine in `root`: Pebble Linux from this machine's disk, and whatever "dnf copr" has enabled. */
async function dnf(...args: string[]): Promise<Said> {
  const plugin = lastLine(await run(join(ROOT, 'test', 'clients', 'install.sh'), ['dnf-copr']));
  const distribution = lastLine(await run(process.execPath, [join(ROOT, 'test', 'distro', 'main.ts'), 'build']));
  return execute('env', [
    `PYTHONPATH=${plugin}/usr/lib/python3/dist-packages`,
    'dnf',
    '-y',
    '--disableplugin=*',
    '--enableplugin=copr',
    `--setopt=pluginpath=${plugin}/usr/lib/python3/dist-packages/dnf-plugins`,
    '--releasever=13',
    '--setopt=install_weak_deps=False',
    `--setopt=reposdir=${root}/repos`,
    `--setopt=pluginconfpath=${root}/plugins`,
    `--setopt=cachedir=${root}/cache`,
    `--setopt=persistdir=${root}/persist`,
    `--setopt=logdir=${root}`,
    `--installroot=${root}/machine`,
    `--repofrompath=pebble,file://${distribution}/13-x86_64/repo`,
    '--setopt=pebble.gpgcheck=0',
    ...args,
  ]);
}

beforeAll(async () => {
  dave = await coprUser('dave');
  await deleteProjects('dave');
  root = join(await scratchDirectory(), 'dnf');
  for (const name of ['repos', 'plugins/copr.d', 'machine']) await mkdir(join(root, name), { recursive: true });
  hub = new URL(await apiURL());
  const config = ['[kopr]', `hostname = ${hub.hostname}`, 'protocol = http', `port = ${hub.port}`, ''];
  await writeFile(join(root, 'plugins', 'copr.d', 'kopr.conf'), config.join('\n'));
  await dave.ok('create', 'tools', '--chroot', CHROOT, '--description', 'Tools of Dave');
  const said = await dave.ok('build', 'tools', 'http://files.example/hello-2.12-1.src.rpm', '--nowait');
  expect(await untilState(createdBuilds(said)[0] ?? 0, ENDED)).toBe('succeeded');
});

afterAll(async () => {
  await deleteProjects('dave');
  await removeScratch();
});

describe('dnf copr', () => {
  it('row 8: enables a project and installs a signed package from it', async () => {
    const enabled = await dnf('copr', 'enable', 'kopr/dave/tools', CHROOT);
    expect(enabled, enabled.stderr).toMatchObject({ code: 0 });
    const [file = ''] = await readdir(join(root, 'repos'));
    expect(file).toMatch(new RegExp(`^_copr:${hub.hostname}(:${hub.port})?:dave:tools[.]repo$`));
    const text = await readFile(join(root, 'repos', file), 'utf8');
    expect(text).toContain(`[copr:${hub.hostname}:dave:tools]`);
    expect(text).toContain('gpgcheck=1');
    const installed = await dnf('install', 'hello');
    expect(installed, installed.stdout + installed.stderr).toMatchObject({ code: 0 });
    const query = ['--root', join(root, 'machine'), '-q', 'hello', '--qf', '%{nevra} %{rsaheader:pgpsig}'];
    const { stdout } = await execute('rpm', query);
    expect(stdout).toMatch(/^hello-2\.12-1\.pb13\.x86_64 RSA\/SHA256, .*Key ID [0-9a-f]{16}$/);
  });

  it('says which chroots a project has when it is asked for another', async () => {
    const said = await dnf('copr', 'enable', 'kopr/dave/tools', 'stone-1-x86_64');
    expect(said.code).not.toBe(0);
    expect(said.stdout + said.stderr).toContain(CHROOT);
  });

  it('lists and finds projects', async () => {
    const listed = await dnf('copr', 'list', '--available-by-user=dave', '--hub', 'kopr');
    expect(listed.stdout).toMatch(/dave\/tools : Tools of Dave/);
    const found = await dnf('copr', 'search', 'tools', '--hub', 'kopr');
    expect(found.stdout).toMatch(/dave\/tools : Tools of Dave/);
  });

  it('of version 5 gets what it builds its repositories from', async () => {
    const { status, body } = await api('GET', '/rpmrepo/dave/tools/pebble-13/');
    expect(status).toBe(200);
    expect(body).toEqual({
      results_url: expect.stringMatching(/\/results$/),
      repos: { 'pebble-13': { arch: { x86_64: { opts: {} } } } },
      directories: { tools: {} },
      dependencies: [],
    });
  });
});
