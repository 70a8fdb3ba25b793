import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { firstError, gitFailure } from './git-errors.ts';
import { firstRpmError } from './rpm-errors.ts';
import { remoteSources } from './spec-sources.ts';

describe('the remote sources of a spec', () => {
  it('are the URLs of Source and Patch tags and lists, each file once', () => {
    const spec = `Name: a
Source0: https://example.org/a-1.tar.gz
SOURCE1 :  http://example.org/download?id=7#/b.tar.gz
Source: local.txt
Patch3:https://example.org/fix.patch
Source9: https://other.example.org/a-1.tar.gz
%sourcelist
https://example.org/list.txt
plain.txt
%package devel
Source10: https://example.org/late.tar.gz
%description
Source: https://example.org/in-the-text.tar.gz
%patchlist
https://example.org/second.patch
%prep
Source: https://example.org/not-a-tag
`;
    expect(remoteSources(spec).map(({ url, file }) => `${file} < ${url}`)).toEqual([
      'a-1.tar.gz < https://example.org/a-1.tar.gz',
      'b.tar.gz < http://example.org/download?id=7#/b.tar.gz',
      'fix.patch < https://example.org/fix.patch',
      'list.txt < https://example.org/list.txt',
      'late.tar.gz < https://example.org/late.tar.gz',
      'second.patch < https://example.org/second.patch',
    ]);
  });

  it.each([
    ['blanks in a value', `Source: a${' '.repeat(5_000_000)}b`],
    ['blanks before a tag', `${' '.repeat(5_000_000)}Source`],
    ['digits of a tag', `Source${'1'.repeat(5_000_000)}x`],
  ])('are not looked for for ever among %s', (_what, line) => {
    const started = systemClock.monotonic();
    expect(remoteSources(line)).toEqual([]);
    expect(systemClock.monotonic() - started).toBeLessThan(2_000);
  });

  it('are found behind a macro in the preamble that is no section', () => {
    expect(remoteSources('%global_thing x\n%{?systemd}\nSource: http://e/x')).toEqual([
      { url: 'http://e/x', file: 'x' },
    ]);
  });
});

describe('what git and rpm say', () => {
  it.each([
    ['fatal: dumb http transport does not support shallow capabilities', 'no-shallow'],
    ["fatal: couldn't find remote ref nope", 'no-reference'],
    ['fatal: remote error: upload-pack: not our ref 0123', 'no-reference'],
    ["fatal: could not read Username for 'https://x': terminal prompts disabled", 'refused'],
    ["fatal: repository 'http://x/' not found", 'final'],
    ["fatal: transport 'file' not allowed", 'final'],
    ["fatal: unable to access 'http://x/': Failed to connect to x port 80", 'transient'],
    ["fatal: unable to access 'http://x/': The requested URL returned error: 502", 'transient'],
    ['error: RPC failed; curl 56 Recv failure: Connection reset by peer', 'transient'],
  ])('"%s" is %s', (output, expected) => {
    expect(gitFailure(`Cloning…\n${output}\n`)).toBe(expected);
  });

  it.each([
    ['warning: x\nerror: line 3: Unknown tag: Foo: bar\n', 'line 3: Unknown tag: Foo: bar'],
    ['\nRPM build errors:\n', 'rpm gave no reason'],
    [
      'error: Bad file: /kopr/work/sources/a.tar.gz: No such file or directory\n',
      'Bad file: a.tar.gz: No such file or directory',
    ],
    ['sh: x: command not found\n', 'sh: x: command not found'],
    ['warning: only this\n', 'warning: only this'],
  ])('the first error of %j is found', (output, expected) => {
    expect(firstRpmError(output)).toBe(expected);
  });

  it('the first error of git is found, without its prefix', () => {
    expect(firstError('Fetching\nremote: Repository not found.\nfatal: x\n')).toBe('Repository not found.');
    expect(firstError('')).toBe('git gave no reason');
  });
});
