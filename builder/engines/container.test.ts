import { copyFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import type { TaskRepo } from '../../lib/protocol/task.ts';
import type { Chroot } from '../testing/chroot.ts';
import { openChroot, ownedByBuildUser } from '../testing/chroot.ts';
import { temporaryDirectory, tool } from '../testing/context.ts';
import type { BuildOptions, EngineBuild } from '../testing/engine-build.ts';
import { buildFixture } from '../testing/engine-build.ts';
import type { WebServer } from '../testing/web-server.ts';
import { serveFiles, startWebServer } from '../testing/web-server.ts';
import { failed } from '../verdict.ts';

/** The engine script in the real chroot images of the test distribution, as root of a user namespace. */

/** Asks for one more package each time it is asked. */
const ENDLESS = `%generate_buildrequires
for name in m4 autoconf autotools-dev automake libtool bison flex libncurses-dev libreadline-dev libexpat1-dev libbz2-dev libssl-dev zlib1g-dev; do
  rpm -q "$name" >/dev/null || { echo "$name"; break; }
done
%install`;
const SCRIPT = join(import.meta.dirname, 'container.sh');
const FIXTURES = join(import.meta.dirname, '..', '..', 'test', 'fixtures', 'build.ts');

let scratch: Awaited<ReturnType<typeof temporaryDirectory>>;
let chroot: Chroot;
let project: WebServer;
const pods: (() => Promise<void>)[] = [];

beforeAll(async () => {
  scratch = await temporaryDirectory();
  await tool(scratch.path, process.execPath, FIXTURES, join(scratch.path, 'fixtures'));
  await tool(scratch.path, 'mkdir', 'repo');
  project = await startWebServer((request, response) => serveFiles(join(scratch.path, 'repo'), request, response));
  chroot = await openChroot('13-x86_64');
}, 900_000);
afterAll(async () => {
  await chroot?.remove();
  await project.stop();
  await scratch.remove();
});
afterEach(async () => {
  for (const remove of pods.splice(0)) await remove();
});

async function build(name: string, options: BuildOptions & { in?: Chroot } = {}): Promise<EngineBuild> {
  const built = await buildFixture(join(scratch.path, 'fixtures'), name, options.in ?? chroot, options);
  pods.push(built.pod.remove);
  return built;
}

/** Makes the packages of a build the project's own repository. */
async function publish(built: EngineBuild): Promise<TaskRepo> {
  const repo = join(scratch.path, 'repo');
  await rm(repo, { recursive: true, force: true });
  await tool(scratch.path, 'mkdir', 'repo');
  for (const name of built.results.filter((one) => one.endsWith('.rpm') && !one.endsWith('.src.rpm'))) {
    await copyFile(join(built.pod.results, name), join(repo, name));
  }
  await tool(repo, 'createrepo_c', '-q', '.');
  return { id: 'copr_base', name: 'own', baseurl: project.url, gpgcheck: false, skipIfUnavailable: true };
}

const packages = (built: EngineBuild): string[] =>
  built.results.filter((name) => name.endsWith('.rpm') && !name.includes('debug'));
const succeeds = (built: EngineBuild): void => {
  expect(built.verdict, built.text('builder-live.log').slice(-3000) + built.output).toMatchObject({
    outcome: 'succeeded',
  });
  expect(built.code).toBe(0);
};

describe('the script itself', () => {
  it('is accepted by shellcheck as POSIX shell', async () => {
    expect(await tool(scratch.path, 'shellcheck', '--shell=sh', '--severity=style', SCRIPT)).toBe('');
  });

  it.each([['dash'], ['bash', '--posix'], ['busybox', 'sh']])('is understood by %s', async (shell, ...flags) => {
    expect(await tool(scratch.path, shell, ...flags, '-n', SCRIPT)).toBe('');
  });
});

describe('a build', { timeout: 180_000 }, () => {
  it('leaves packages, logs and the verdict as plain readable files', async () => {
    const built = await build('hello');
    succeeds(built);
    expect(built.verdict).toEqual({
      outcome: 'succeeded',
      reason: 'Succeeded',
      message: 'the packages were built',
      exitCode: 0,
    });
    expect(packages(built)).toEqual([
      'hello-2.12-1.pb13.src.rpm',
      'hello-2.12-1.pb13.x86_64.rpm',
      'hello-devel-2.12-1.pb13.x86_64.rpm',
      'hello-libs-2.12-1.pb13.x86_64.rpm',
    ]);
    const others = [
      'build.log',
      'builder-live.log',
      'hello.spec',
      'hw_info.log',
      'installed_pkgs.log',
      'root.log',
      'verdict.json',
    ];
    expect(built.results).toEqual(expect.arrayContaining(others));
    const query = [
      '-qp',
      '--nosignature',
      '--qf',
      '%{VENDOR}|%{ARCH}',
      join(built.pod.results, 'hello-2.12-1.pb13.x86_64.rpm'),
    ];
    expect(await tool(scratch.path, 'rpm', ...query)).toBe('kopr "test"|x86_64');
    expect(built.text('installed_pkgs.log')).toMatch(/^zlib1g-dev-/m);
    const modes = await tool(built.pod.results, 'sh', '-c', 'stat -c "%A" *');
    expect(new Set(modes.split('\n'))).toEqual(new Set(['-rw-r--r--']));
    const phases = [
      ...built.text('builder-live.log').matchAll(/^kopr: phase (\S+) at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/gm),
    ];
    expect(phases.map((match) => match[1])).toEqual([
      'prepare',
      'buildroot',
      'srpm',
      'builddep',
      'rpmbuild',
      'results',
      'finished',
    ]);
  });

  it('for a 32-bit chroot makes packages of that architecture, which others build upon', async () => {
    const old = await openChroot('12-i386');
    try {
      const macros = { dist: '.pb12' };
      const hello = await build('hello', { in: old, binary: { architecture: 'i386', macros } });
      succeeds(hello);
      expect(packages(hello)).toContain('hello-devel-2.12-1.pb12.i386.rpm');
      const greet = await build('greet', {
        in: old,
        binary: { architecture: 'i386', macros },
        repos: [await publish(hello)],
      });
      succeeds(greet);
      expect(packages(greet)).toEqual(['greet-1.0-1.pb12.i386.rpm', 'greet-1.0-1.pb12.src.rpm']);
      const wide = await build('wide', { in: old, binary: { architecture: 'i386' } });
      expect(wide.verdict).toMatchObject({
        reason: 'BuildFailed',
        message: expect.stringMatching(/not included: i386|exclusivearch/i),
      });
    } finally {
      await old.remove();
    }
  }, 300_000);

  it.each([
    ['dynamic', 'dynamic-1.0-1.pb13.x86_64.rpm'],
    ['words', 'words-3.1-1.pb13.noarch.rpm'],
    ['wide', 'wide-1.0-1.pb13.x86_64.rpm'],
    ['offline', 'offline-1.0-1.pb13.x86_64.rpm'],
    ['confined', 'confined-1.0-1.pb13.noarch.rpm'],
  ])('of the fixture %s succeeds', async (name, made) => {
    const built = await build(name);
    succeeds(built);
    expect(packages(built)).toContain(made);
  });

  it('has the network when it is allowed to', async () => {
    const built = await build('offline', { binary: { network: true } });
    expect(built.verdict).toMatchObject({ outcome: 'failed', reason: 'BuildFailed' });
    expect(built.text('build.log')).toContain('interface ');
  });

  it('gets its build conditions and the buildroot packages of the chroot', async () => {
    const spec = (text: string): string =>
      `%bcond_with extra\n%bcond_without usual\n${text.replace('%install', '%install\necho extra=%{with extra} usual=%{with usual}; xz --version')}`;
    const built = await build('words', {
      spec,
      binary: { with: ['extra'], without: ['usual'], buildrootPackages: ['xz', 'buildsys-build'] },
    });
    succeeds(built);
    expect(built.text('build.log')).toContain('extra=1 usual=0');
  });

  it('works without the repository of a project that has built nothing yet', async () => {
    const missing: TaskRepo = {
      id: 'own',
      name: 'own',
      baseurl: `${project.url}/none`,
      gpgcheck: false,
      skipIfUnavailable: true,
    };
    succeeds(await build('words', { repos: [missing] }));
  });

  it.each([
    ['bash', '/bin/bash', undefined],
    ['busybox', '/kopr/work/sh', '/bin/busybox'],
  ])('works with %s as shell', async (_name, shell, program) => {
    const prepare = async (pod: { work: string }): Promise<void> => {
      if (program !== undefined) await copyFile(program, join(pod.work, 'sh'));
      await ownedByBuildUser(pod.work);
    };
    succeeds(await build('confined', { shell, prepare }));
  });

  it('does not even see the volumes of the pod when the image has a mount program', async () => {
    const look = 'echo "seen:$(find /kopr/results /kopr/control /kopr/work/plan -type f | wc -l)"';
    const spec = (text: string): string => text.replace('%install', `%install\n${look}`);
    const built = await build('confined', { spec, programs: ['/usr/bin/mount'] });
    succeeds(built);
    expect(built.text('build.log')).toMatch(/^seen:0$/m);
  });

  it('whose network may not be cut off because the pod lacks a capability is refused', async () => {
    const built = await build('words', { without: ['sys_admin'] });
    expect(built.verdict).toMatchObject({ reason: 'UnusableChroot', message: expect.stringContaining('network') });
  });

  it('without namespaces goes on when it may use the network', async () => {
    const built = await build('words', { without: ['sys_admin'], binary: { network: true } });
    succeeds(built);
    expect(built.text('builder-live.log')).toContain('isolation of processes: none');
  });
});

describe('a build that fails', { timeout: 180_000 }, () => {
  const replace = (what: string | RegExp, by: string) => (text: string) => text.replace(what, by);

  it.each<[string, string, BuildOptions, string, RegExp]>([
    [
      'a mistake in the source',
      'broken',
      {},
      'BuildFailed',
      /^rpmbuild failed in %build: broken.c:2:10: error: .*an_undeclared_name/,
    ],
    [
      'a missing BuildRequires',
      'missing-requires',
      {},
      'MissingBuildRequires',
      /^no repository of the chroot provides the BuildRequires kopr-no-such-package-devel$/,
    ],
    [
      'a BuildRequires too new',
      'words',
      { spec: replace('BuildArch', 'BuildRequires: make >= 99\nBuildArch') },
      'MissingBuildRequires',
      /BuildRequires make >= 99$/,
    ],
    [
      'a spec that cannot be read',
      'words',
      { spec: () => 'Name: words\n%if\n' },
      'SrpmBuildFailed',
      /^rpmbuild failed: line 2: /,
    ],
    [
      'a source that is missing',
      'words',
      { spec: replace('words.txt', 'gone.txt') },
      'SrpmBuildFailed',
      /Bad file: .*gone.txt/,
    ],
    [
      'a command that is missing',
      'words',
      { spec: replace('install -D', 'no-such-command -D') },
      'BuildFailed',
      /failed in %install: .*no-such-command: .*not found/,
    ],
    [
      'files that are not packaged',
      'words',
      { spec: replace('%files\n', '%files\n#') },
      'BuildFailed',
      /^rpmbuild failed: Installed .but unpackaged. file.s. found: .usr.share.words.words.txt$/,
    ],
    [
      'a file that is not there',
      'words',
      { spec: replace('%files\n', '%files\n/usr/share/none\n') },
      'BuildFailed',
      /File not found: .*none/,
    ],
    [
      'no package',
      'words',
      { spec: (text) => text.slice(0, text.indexOf('%install')) },
      'NoPackagesBuilt',
      /no binary package/,
    ],
    [
      'dynamic BuildRequires that nobody has',
      'words',
      { spec: replace('%install', '%generate_buildrequires\necho kopr-none\n%install') },
      'MissingBuildRequires',
      /BuildRequires kopr-none$/,
    ],
    [
      'dynamic BuildRequires without end',
      'words',
      { spec: replace('%install', ENDLESS) },
      'BuildFailed',
      /ten times over/,
    ],
    [
      'a repository that does not answer',
      'hello',
      { repos: [{ id: 'gone', name: 'g', baseurl: 'http://127.0.0.1:9/', gpgcheck: false, skipIfUnavailable: false }] },
      'RepositoryUnavailable',
      /'gone'/,
    ],
    [
      'a build root package that is missing',
      'words',
      { binary: { buildrootPackages: ['kopr-none'] } },
      'BuildrootFailed',
      /^no repository of the chroot provides kopr-none$/,
    ],
    ['packages that are not signed', 'hello', { binary: { repos: [] } }, 'BuildrootFailed', /not signed|GPG/],
  ])('for %s says so', async (_what, name, options, reason, message) => {
    const given: BuildOptions = { ...options };
    if (options.binary?.repos?.length === 0) {
      const signed = { gpgcheck: true, gpgkey: `${project.url}/none.asc`, skipIfUnavailable: false };
      given.binary = { repos: [{ id: 'pebble', name: 'p', baseurl: chroot.repoURL, ...signed }] };
    }
    const built = await build(name, given);
    expect(built.verdict, built.text('builder-live.log').slice(-3000)).toMatchObject({ outcome: 'failed', reason });
    expect(built.verdict?.message).toMatch(message);
    expect(built.code).toBe(0);
    expect(packages(built).filter((file) => !file.endsWith('.src.rpm'))).toEqual([]);
    expect(built.text('builder-live.log')).toContain(`kopr: failed: ${built.verdict?.message}`);
  });

  it('keeps its verdict valid whatever the build says', async () => {
    const noise = `printf 'x.c:1: error: "\\\\\\\\ \\033[31m \\303\\244 \\t$(id) \`id\` %%s\\n'; exit 1`;
    const built = await build('words', { spec: (text) => text.replace('%install', `%install\n${noise}`) });
    expect(built.verdict).toMatchObject({
      reason: 'BuildFailed',
      message: expect.stringMatching(/^rpmbuild failed in %install: x.c:1: error: '/),
    });
    expect(built.verdict?.message).toMatch(/^[ -~]*$/);
  });

  it('because rpm could not run scriptlets is told from one that dnf calls a success', async () => {
    const macros = '%__transaction_unshare %{__plugindir}/unshare.so\n';
    const built = await build('hello', {
      without: ['sys_admin'],
      binary: { network: true },
      plan: { 'root-rpmmacros': macros },
    });
    expect(built.verdict).toMatchObject({ reason: 'BuildrootFailed', message: expect.stringContaining('scriptlets') });
  });
});

describe('time and size', { timeout: 120_000 }, () => {
  it('up, the build is stopped with everything it has started', async () => {
    const stubborn = `(trap '' TERM HUP INT; setsid sh -c 'trap "" TERM; exec sleep 300' & sleep 300)`;
    const started = systemClock.monotonic();
    const built = await build('slow', {
      timeoutSeconds: 8,
      spec: (text) => text.replace('%build', `%build\n${stubborn}`),
    });
    expect(built.verdict).toEqual(
      failed('TimedOut', 'the build was stopped in phase rpmbuild after its limit of 8 s', 124),
    );
    // The limit, ten seconds of grace, and what the rest takes on a busy machine.
    expect(systemClock.monotonic() - started).toBeLessThan(45_000);
    expect(built.code).toBe(0);
    await expect(tool('/', 'pgrep', '-f', '^sleep 300$')).rejects.toThrow();
  });

  it('not up, a daemon that the build leaves behind does not hold it', async () => {
    const daemon = `setsid sh -c 'trap "" TERM HUP; exec sleep 301' &`;
    const built = await build('words', { spec: (text) => text.replace('%install', `%install\n${daemon}`) });
    succeeds(built);
    await expect(tool('/', 'pgrep', '-f', '^sleep 301$')).rejects.toThrow();
  });

  it('of the log are bounded, and the build does not suffer', async () => {
    const spec = (text: string): string =>
      text.replace('%install', '%install\nset +x; yes "a line of a flood" | head -c 30000000');
    const built = await build('words', { spec, maxLogBytes: 1_000_000 });
    succeeds(built);
    const log = built.text('builder-live.log');
    expect(log.length).toBeLessThan(1_002_000);
    expect(log).toContain('kopr: the log has reached its limit of 1000000 bytes; the rest is not kept');
    expect(built.text('build.log').length).toBeLessThan(1_000_001);
  });
});

describe('the end of a task', { timeout: 120_000 }, () => {
  it('by SIGTERM comes at once and without a verdict', async () => {
    const controller = new AbortController();
    const started = systemClock.monotonic();
    setTimeout(() => controller.abort(), 6000);
    const built = await build('slow', { signal: controller.signal });
    expect(built.code).toBe(143);
    expect(built.verdict).toBeUndefined();
    expect(systemClock.monotonic() - started).toBeLessThan(25_000);
  });

  it('that has a verdict already is only waited for', async () => {
    const built = await build('hello', {
      prepare: (pod) =>
        writeFile(join(pod.results, 'verdict.json'), JSON.stringify(failed('SourceFetchFailed', 'gone'))),
    });
    expect(built.code).toBe(0);
    expect(built.verdict?.reason).toBe('SourceFetchFailed');
    expect(packages(built)).toEqual([]);
  });

  it.each([
    ['are refused', 'refused'],
    ['do not arrive in time', 'nothing'],
  ])('whose results %s is no success of the pod', async (_what, control) => {
    const built = await build('words', { control, uploadSeconds: 2 });
    expect(built.code).toBe(1);
    expect(built.verdict?.outcome).toBe('succeeded');
  });

  it('that lacks its plan is left to another attempt', async () => {
    const built = await build('words', { prepare: (pod) => rm(join(pod.work, 'plan', 'architecture')) });
    expect(built.code).toBe(1);
    expect(await readdir(built.pod.results)).toEqual(['builder-live.log']);
  });
});
