import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TaskRepo } from '../../lib/protocol/task.ts';
import { openChroot, ownedByBuildUser } from '../testing/chroot.ts';
import { tool } from '../testing/context.ts';
import type { Workshop } from '../testing/workshop.ts';
import { expectSuccess, openWorkshop, packages } from '../testing/workshop.ts';

/** The engine script in the real chroot images of the test distribution, as root of a user namespace. */

const ENGINE = join(import.meta.dirname, 'container');
let workshop: Workshop;

beforeAll(async () => {
  workshop = await openWorkshop();
}, 900_000);
afterAll(() => workshop?.close());
afterEach(() => workshop?.sweep());

describe('the script itself', () => {
  it('is accepted by shellcheck as POSIX shell, with all its parts', async () => {
    const check = [
      '--external-sources',
      '--check-sourced',
      '--source-path=SCRIPTDIR',
      '--shell=sh',
      '--severity=style',
    ];
    expect(await tool(ENGINE, 'shellcheck', ...check, 'engine.sh', 'inside.sh')).toBe('');
  });

  it.each([['dash'], ['bash', '--posix'], ['busybox', 'sh']])('is understood by %s', async (shell, ...flags) => {
    for (const part of await readdir(ENGINE)) expect(await tool(ENGINE, shell, ...flags, '-n', part)).toBe('');
  });
});

describe('a build', { timeout: 180_000 }, () => {
  it('leaves packages, logs and the verdict as plain readable files', async () => {
    const built = await workshop.build('hello');
    expectSuccess(built);
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
    expect(await tool(workshop.scratch, 'rpm', ...query)).toBe('kopr "test"|x86_64');
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
      const hello = await workshop.build('hello', { in: old, binary: { architecture: 'i386', macros } });
      expectSuccess(hello);
      expect(packages(hello)).toContain('hello-devel-2.12-1.pb12.i386.rpm');
      const greet = await workshop.build('greet', {
        in: old,
        binary: { architecture: 'i386', macros },
        repos: [await workshop.publish(hello)],
      });
      expectSuccess(greet);
      expect(packages(greet)).toEqual(['greet-1.0-1.pb12.i386.rpm', 'greet-1.0-1.pb12.src.rpm']);
      const wide = await workshop.build('wide', { in: old, binary: { architecture: 'i386' } });
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
    const built = await workshop.build(name);
    expectSuccess(built);
    expect(packages(built)).toContain(made);
  });

  it('has the network when it is allowed to', async () => {
    const built = await workshop.build('offline', { binary: { network: true } });
    expect(built.verdict).toMatchObject({ outcome: 'failed', reason: 'BuildFailed' });
    expect(built.text('build.log')).toContain('interface ');
  });

  it('gets its build conditions and the buildroot packages of the chroot', async () => {
    const spec = (text: string): string =>
      `%bcond_with extra\n%bcond_without usual\n${text.replace('%install', '%install\necho extra=%{with extra} usual=%{with usual}; xz --version')}`;
    const built = await workshop.build('words', {
      spec,
      binary: { with: ['extra'], without: ['usual'], buildrootPackages: ['xz', 'buildsys-build'] },
    });
    expectSuccess(built);
    expect(built.text('build.log')).toContain('extra=1 usual=0');
  });

  it('works without the repository of a project that has built nothing yet', async () => {
    const missing: TaskRepo = {
      id: 'own',
      name: 'own',
      baseurl: `${workshop.project.url}/none`,
      gpgcheck: false,
      skipIfUnavailable: true,
    };
    expectSuccess(await workshop.build('words', { repos: [missing] }));
  });

  it.each([
    ['bash', '/bin/bash', undefined],
    ['busybox', '/kopr/work/sh', '/bin/busybox'],
  ])('works with %s as shell', async (_name, shell, program) => {
    const prepare = async (pod: { work: string }): Promise<void> => {
      if (program !== undefined) await copyFile(program, join(pod.work, 'sh'));
      await ownedByBuildUser(pod.work);
    };
    expectSuccess(await workshop.build('confined', { shell, prepare }));
  });

  it('does not even see the volumes of the pod when the image has a mount program', async () => {
    const look = 'echo "seen:$(find /kopr/results /kopr/control /kopr/work/plan -type f | wc -l)"';
    const spec = (text: string): string => text.replace('%install', `%install\n${look}`);
    const built = await workshop.build('confined', { spec, programs: ['/usr/bin/mount'] });
    expectSuccess(built);
    expect(built.text('build.log')).toMatch(/^seen:0$/m);
  });

  it('whose network may not be cut off because the pod lacks a capability is refused', async () => {
    const built = await workshop.build('words', { without: ['sys_admin'] });
    expect(built.verdict).toMatchObject({ reason: 'UnusableChroot', message: expect.stringContaining('network') });
  });

  it('without namespaces goes on when it may use the network', async () => {
    const built = await workshop.build('words', { without: ['sys_admin'], binary: { network: true } });
    expectSuccess(built);
    expect(built.text('builder-live.log')).toContain('isolation of processes: none');
  });
});
