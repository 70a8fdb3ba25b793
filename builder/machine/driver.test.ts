import { describe, expect, it } from 'vitest';
import { engineFor, releaseOf } from './driver.ts';
import { parsePolled } from './far-side.ts';
import { withProxy } from './inputs.ts';
import { chooseResults } from './results.ts';

const DIGEST = 'a'.repeat(64);
const LIMITS = { maxFileBytes: 1000, maxTaskBytes: 1500 };

describe('the engine of a machine', () => {
  it.each([
    ['auto', ['mock', 'dnf'], 'mock'],
    ['auto', ['dnf'], 'dnf'],
    ['dnf', ['mock', 'dnf'], 'dnf'],
    ['mock', ['mock'], 'mock'],
  ] as const)('is, when %s is wanted and %j is there, %s', (wanted, found, engine) => {
    expect(engineFor(wanted, found)).toBe(engine);
  });

  it.each([
    ['auto', [], /has neither mock nor dnf with rpm; install it/],
    ['mock', ['dnf'], /has no mock; install it/],
    ['dnf', ['mock'], /has no dnf; install it/],
  ] as const)('is asked for when %s is wanted and %j is there', (wanted, found, problem) => {
    expect(() => engineFor(wanted, found)).toThrow(problem);
  });
});

describe('the release of a chroot', () => {
  it.each([
    ['fedora-43-x86_64', '43'],
    ['fedora-rawhide-aarch64', 'rawhide'],
    ['centos-stream-10-x86_64', '10'],
    ['opensuse-leap-15.6-x86_64', '15.6'],
  ])('%s is %s', (chroot, release) => expect(releaseOf({ chroot })).toBe(release));

  it.each(['x86_64', '', 'a- b-x86_64'])('is missing in "%s"', (chroot) => {
    expect(() => releaseOf({ chroot })).toThrow(/is not the name of a chroot with a release in it/);
  });
});

describe('the answer about the run', () => {
  it('says how it is and brings the next bytes of its log', () => {
    const bytes = Buffer.from([0, 10, 255, 13]);
    expect(parsePolled(Buffer.concat([Buffer.from('kopr ended 143 yes 9 4\n'), bytes]))).toEqual({
      state: 'ended',
      code: 143,
      verdict: true,
      size: 9,
      log: bytes,
    });
    expect(parsePolled(Buffer.from('kopr none 0 no 0 0\n'))).toMatchObject({ state: 'none', log: Buffer.alloc(0) });
  });

  it.each([
    '',
    'kopr running 0 no 9 4\nabc',
    'kopr running 0 no 9 4\nabcde',
    'Welcome to this machine!\nkopr running 0 no 9 0\n',
    'kopr happy 0 no 0 0\n',
    'kopr running 0 no 0 0',
    `kopr running 0 no 0 0${' '.repeat(300)}\n`,
  ])('that is cut off, or something else, is none: %j', (answer) => {
    expect(() => parsePolled(Buffer.from(answer))).toThrow(/does not answer as it should/);
  });
});

describe('the results of a machine', () => {
  const line = (name: string, size: number | string = 5): string => `${size} ${DIGEST} ${name}`;
  const listing = (lines: string[], odd = 0) => ({ lines, odd });

  it('are packages, logs and the spec; the live log and the verdict go their own ways', () => {
    const lines = ['a-1-1.x86_64.rpm', 'build.log', 'a.spec', 'builder-live.log', 'verdict.json', 'core'].map((name) =>
      line(name),
    );
    expect(chooseResults(listing(lines), false, LIMITS).map((file) => file.name)).toEqual([
      'a-1-1.x86_64.rpm',
      'build.log',
      'a.spec',
    ]);
    expect(chooseResults(listing(lines), true, LIMITS).map((file) => file.name)).toEqual(['build.log']);
  });

  it.each([
    ['a name with a directory in it', [line('../../etc/cron.d/x.rpm')], 0],
    ['a hidden name', [line('.x.rpm')], 0],
    ['a name that is an option', [line('-x.rpm')], 0],
    ['a size that is no number', [line('x.rpm', '1e3')], 0],
    ['a size below zero', [line('x.rpm', -1)], 0],
    ['a digest that is none', [`5 ${'z'.repeat(64)} x.rpm`], 0],
    ['the same name twice', [line('x.rpm'), line('x.rpm', 6)], 0],
    ['what is no plain file', [line('x.rpm')], 1],
    ['a line of something else', ['rm: cannot remove'], 0],
  ])('are refused for %s, but for the logs of a failed build', (_what, lines, odd) => {
    const found = listing([...lines, line('build.log')], odd);
    expect(() => chooseResults(found, false, LIMITS)).toThrow(/not plain files with ordinary names/);
    expect(chooseResults(found, true, LIMITS).map((file) => file.name)).toEqual(['build.log']);
  });

  it('are bounded in size, one by one and together', () => {
    expect(() => chooseResults(listing([line('x.rpm', 1001)]), false, LIMITS)).toThrow(
      /"x.rpm" exceeds the size limit/,
    );
    const three = ['a.log', 'b.log', 'c.log'].map((name) => line(name, 700));
    expect(() => chooseResults(listing(three), false, LIMITS)).toThrow(/"c.log" exceeds the size limit/);
    expect(chooseResults(listing(three), true, LIMITS).map((file) => file.name)).toEqual(['a.log', 'b.log']);
  });

  it('are bounded in number', () => {
    const many = Array.from({ length: 2001 }, (_, index) => line(`p${index}.rpm`, 0));
    expect(() => chooseResults(listing(many), false, LIMITS)).toThrow(/more than 2000 result files/);
    expect(chooseResults(listing(many.slice(1)), false, LIMITS)).toHaveLength(2000);
  });
});

describe("dnf's configuration for a machine", () => {
  it('has one proxy, in the section of all repositories', () => {
    const plain = '[main]\nassumeyes=1\n\n[pebble]\nname=Pebble\n';
    const once = '[main]\nproxy=http://127.0.0.1:41234\nassumeyes=1\n\n[pebble]\nname=Pebble\n';
    expect(withProxy(plain, 41_234)).toBe(once);
    expect(withProxy(withProxy(plain, 5), 41_234)).toBe(once);
  });
});
