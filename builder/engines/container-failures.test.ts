import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { tool } from '../testing/context.ts';
import type { BuildOptions } from '../testing/engine-build.ts';
import type { Workshop } from '../testing/workshop.ts';
import { expectSuccess, openWorkshop, packages } from '../testing/workshop.ts';
import { failed } from '../verdict.ts';

/** What the engine script says of builds that fail, and how it ends them. */

/** Asks for one more package each time it is asked. */
const ENDLESS = `%generate_buildrequires
for name in m4 autoconf autotools-dev automake libtool bison flex libncurses-dev libreadline-dev libexpat1-dev libbz2-dev libssl-dev zlib1g-dev; do
  rpm -q "$name" >/dev/null || { echo "$name"; break; }
done
%install`;
let workshop: Workshop;

beforeAll(async () => {
  workshop = await openWorkshop();
}, 900_000);
afterAll(() => workshop?.close());
afterEach(() => workshop?.sweep());

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
      const signed = { gpgcheck: true, gpgkey: `${workshop.project.url}/none.asc`, skipIfUnavailable: false };
      given.binary = { repos: [{ id: 'pebble', name: 'p', baseurl: workshop.chroot.repoURL, ...signed }] };
    }
    const built = await workshop.build(name, given);
    expect(built.verdict, built.text('builder-live.log').slice(-3000)).toMatchObject({ outcome: 'failed', reason });
    expect(built.verdict?.message).toMatch(message);
    expect(built.code).toBe(0);
    expect(packages(built).filter((file) => !file.endsWith('.src.rpm'))).toEqual([]);
    expect(built.text('builder-live.log')).toContain(`kopr: failed: ${built.verdict?.message}`);
  });

  it('keeps its verdict valid whatever the build says', async () => {
    const noise = `printf 'x.c:1: error: "\\\\\\\\ \\033[31m \\303\\244 \\t$(id) \`id\` %%s\\n'; exit 1`;
    const built = await workshop.build('words', { spec: (text) => text.replace('%install', `%install\n${noise}`) });
    expect(built.verdict).toMatchObject({
      reason: 'BuildFailed',
      message: expect.stringMatching(/^rpmbuild failed in %install: x.c:1: error: '/),
    });
    expect(built.verdict?.message).toMatch(/^[ -~]*$/);
  });

  it('is not one whose build root has a package with a failing scriptlet; that is mentioned', async () => {
    const grumpy = await workshop.build('words', {
      spec: (text) =>
        `${text.replace(/words/g, 'grumpy').replace('grumpy.txt', 'words.txt').replace('%files', '%post\nexit 1\n\n%files')}`,
    });
    expectSuccess(grumpy);
    const built = await workshop.build('words', {
      repos: [await workshop.publish(grumpy)],
      binary: { buildrootPackages: ['grumpy'] },
    });
    expectSuccess(built);
    expect(built.text('builder-live.log')).toMatch(/^kopr: warning: Error in POSTIN scriptlet in rpm package grumpy$/m);
  });

  it('because rpm could not run scriptlets is told from one that dnf calls a success', async () => {
    const macros = '%__transaction_unshare %{__plugindir}/unshare.so\n';
    const built = await workshop.build('hello', {
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
    const built = await workshop.build('slow', {
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
    const built = await workshop.build('words', { spec: (text) => text.replace('%install', `%install\n${daemon}`) });
    expectSuccess(built);
    await expect(tool('/', 'pgrep', '-f', '^sleep 301$')).rejects.toThrow();
  });

  it('of the log are bounded, and the build does not suffer', async () => {
    const spec = (text: string): string =>
      text.replace('%install', '%install\nset +x; yes "a line of a flood" | head -c 30000000');
    const built = await workshop.build('words', { spec, maxLogBytes: 1_000_000 });
    expectSuccess(built);
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
    const built = await workshop.build('slow', { signal: controller.signal });
    expect(built.code).toBe(143);
    expect(built.verdict).toBeUndefined();
    expect(systemClock.monotonic() - started).toBeLessThan(25_000);
  });

  it('that has a verdict already is only waited for', async () => {
    const built = await workshop.build('hello', {
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
    const built = await workshop.build('words', { control, uploadSeconds: 2 });
    expect(built.code).toBe(1);
    expect(built.verdict?.outcome).toBe('succeeded');
  });

  it('that lacks its plan is left to another attempt', async () => {
    const built = await workshop.build('words', { prepare: (pod) => rm(join(pod.work, 'plan', 'architecture')) });
    expect(built.code).toBe(1);
    expect(await readdir(built.pod.results)).toEqual(['builder-live.log']);
  });
});
