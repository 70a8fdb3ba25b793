import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../lib/errors.ts';
import type { TaskRepo } from '../../lib/protocol/task.ts';
import { binaryTask } from '../testing/tasks.ts';
import { dnfConf, zyppRepos } from './dnf-conf.ts';
import { enginePlan } from './plan.ts';
import { rpmMacros } from './rpm-macros.ts';

const settings = { dnfCacheDir: '/kopr/work/dnf-cache', maxLogBytes: 1000, uploadSeconds: 60 };
const conf = { cacheDir: settings.dnfCacheDir, imageRepos: false };
const golden = (name: string): string => join(import.meta.dirname, 'testdata', name);

const repo: TaskRepo = {
  id: 'pebble',
  name: 'Pebble Linux',
  baseurl: 'http://repo.example/$releasever/$basearch/',
  gpgcheck: true,
  gpgkey: 'http://repo.example/key.gpg',
  skipIfUnavailable: false,
};
const own: TaskRepo = {
  id: 'copr_base',
  name: 'demo/hello',
  baseurl: 'http://results/demo/hello/pebble-13-x86_64/',
  gpgcheck: false,
  priority: 20,
  moduleHotfixes: true,
  skipIfUnavailable: true,
};

describe('the configuration of dnf', () => {
  it('is what the golden file says', async () => {
    await expect(dnfConf([repo, own], conf)).toMatchFileSnapshot(golden('dnf.conf'));
  });

  it("has the directory of the image's repositories only when they are wanted, and changes nothing else", () => {
    const strict = dnfConf([own], conf);
    expect(strict).toContain('\nreposdir=/dev/null\n');
    expect(dnfConf([own], { ...conf, imageRepos: true })).toBe(strict.replace('/dev/null', '/kopr/work/state/repos.d'));
  });

  it('for zypper is what the golden file says', async () => {
    await expect(zyppRepos([repo, own])).toMatchFileSnapshot(golden('zypp.repo'));
  });

  it('refuses a repository to be checked without a key', () => {
    const { gpgkey: _, ...keyless } = repo;
    expect(() => dnfConf([keyless], conf)).toThrow(
      'the repository "pebble" is to be checked for signatures, but no key is given for it',
    );
  });

  it('has one section per repository and no setting of a stranger, whatever the texts are', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constant('x\n[evil]\nbaseurl=http://evil/'),
      fc.constant(' gpgcheck=0'),
    );
    fc.assert(
      fc.property(text, text, text, (name, baseurl, gpgkey) => {
        let written: string;
        try {
          written = dnfConf([{ ...repo, name, baseurl, gpgkey }], conf);
        } catch (error) {
          expect(error).toBeInstanceOf(TerminalError);
          return;
        }
        const lines = written.split('\n');
        expect(lines.filter((line) => line.startsWith('['))).toEqual(['[main]', '[pebble]']);
        expect(lines.filter((line) => line.startsWith('gpgcheck='))).toEqual(['gpgcheck=1', 'gpgcheck=1']);
        expect(lines.filter((line) => line.startsWith('baseurl='))).toHaveLength(1);
      }),
    );
  });
});

describe('the macros of the build user', () => {
  it('are sorted definitions', () => {
    expect(rpmMacros({ vendor: 'kopr - user demo', dist: '.pb13' })).toBe('%dist .pb13\n%vendor kopr - user demo\n');
  });

  it.each([
    ['an option', '-x', 'y'],
    ['a short name', 'ab', 'y'],
    ['a space', 'dist x', 'y'],
    ['a line end in the value', 'dist', 'a\n%vendor b'],
    ['a continuation', 'dist', 'a\\'],
    ['nothing', 'dist', ''],
  ])('cannot have %s', (_what, name, value) => {
    expect(() => rpmMacros({ [name]: value })).toThrow(TerminalError);
  });
});

describe('the plan of a build', () => {
  it('is what the golden file says', async () => {
    const task = binaryTask({
      with: ['tests'],
      without: ['docs', 'gui'],
      repos: [repo, own],
      macros: { dist: '.pb13' },
    });
    const plan = enginePlan(task, task.binary, 'hello.spec', settings);
    const text = [...plan].map(([name, content]) => `==> ${name} <==\n${content}`).join('\n');
    await expect(text).toMatchFileSnapshot(golden('plan.txt'));
  });

  it.each([
    ['x86_64', 'native'],
    ['aarch64', 'native'],
    ['i386', 'linux32'],
    ['i686', 'linux32'],
    ['athlon', 'linux32'],
    ['armv7hl', 'linux32'],
    ['armhfp', 'linux32'],
    ['ppc64le', 'native'],
    ['s390', 'linux32'],
    ['s390x', 'native'],
  ])('for %s has the personality %s', (architecture, personality) => {
    const task = binaryTask({ architecture });
    expect(enginePlan(task, task.binary, 'a.spec', settings).get('personality')).toBe(`${personality}\n`);
  });

  it.each([
    [true, 'yes', '/kopr/work/state/repos.d'],
    [false, 'no', '/dev/null'],
  ])('says whether the repositories of the image are used: %s', (imageRepos, word, directory) => {
    const task = binaryTask({ imageRepos });
    const plan = enginePlan(task, task.binary, 'a.spec', settings);
    expect(plan.get('image-repos')).toBe(`${word}\n`);
    expect(plan.get('dnf.conf')).toContain(`\nreposdir=${directory}\n`);
  });

  it('says whether the build may use the network', () => {
    const task = binaryTask({ network: true });
    expect(enginePlan(task, task.binary, 'a.spec', settings).get('network')).toBe('yes\n');
  });

  it.each([
    ['an option as package', { buildrootPackages: ['--installroot=/'] }],
    ['two lines as package', { buildrootPackages: ['gcc\nrm'] }],
    ['an option as condition', { with: ['--define'] }],
    ['words as condition', { without: ['a b'] }],
    ['a path as architecture', { architecture: '../x' }],
  ])('refuses %s', (_what, overrides) => {
    const task = binaryTask(overrides);
    expect(() => enginePlan(task, task.binary, 'a.spec', settings)).toThrow(TerminalError);
  });

  it.each(['', '../a.spec', '-D.spec', 'a\nb.spec', 'dir/a.spec'])('refuses the spec file name %j', (spec) => {
    const task = binaryTask({});
    expect(() => enginePlan(task, task.binary, spec, settings)).toThrow(TerminalError);
  });

  it('takes package groups and provides', () => {
    const task = binaryTask({ buildrootPackages: ['@buildsys-build', 'gcc >= 12', '/usr/bin/make', 'libfoo(x86-64)'] });
    expect(() => enginePlan(task, task.binary, 'a.spec', settings)).not.toThrow();
  });
});
