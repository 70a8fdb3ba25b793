import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aBinaryStage, aSourceStage } from '../testing/objects.ts';
import {
  builderName,
  chrootBuildName,
  labelValue,
  resultsDirectory,
  resultsPath,
  sourceBuildName,
  taskID,
  ticketName,
  truncated,
  urlBelow,
} from './names.ts';

/** The rule of the API server for names of most objects. */
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

describe('names of objects', () => {
  it('follow from their cause', () => {
    expect(sourceBuildName('hello-1')).toBe('hello-1.source');
    expect(chrootBuildName('hello-1', 'fedora-43-x86_64')).toBe('hello-1.fedora-43-x86-64');
    expect(ticketName('hello-1.source', 2)).toBe('hello-1.source.2');
    expect(builderName('uid-1')).toBe(builderName('uid-1'));
    expect(builderName('uid-1')).not.toBe(builderName('uid-2'));
  });

  it('are names that the API server takes, for the longest Build too', () => {
    const build = 'b'.repeat(120);
    const stage = chrootBuildName(build, `${'c'.repeat(92)}-x86_64`);
    for (const name of [stage, ticketName(stage, 99), builderName('any uid at all')]) {
      expect(name).toMatch(SUBDOMAIN);
      expect(name.length).toBeLessThanOrEqual(253);
    }
  });
});

describe('labelValue', () => {
  const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,150}[a-z0-9])?$/);

  it('is always valid, and the name itself when that fits', () => {
    fc.assert(
      fc.property(label, (name) => {
        expect(labelValue(name)).toMatch(/^[a-z0-9]([-a-z0-9._]{0,61}[a-z0-9])?$/);
        if (name.length <= 63) expect(labelValue(name)).toBe(name);
      }),
    );
  });

  it('tells long names with the same beginning apart', () => {
    expect(labelValue(`${'x'.repeat(70)}a`)).not.toBe(labelValue(`${'x'.repeat(70)}b`));
  });

  it('of a name that is cut at a dot leaves no dot at the end', () => {
    expect(truncated('abc.def', 4)).toBe('abc');
  });
});

describe('what an attempt leaves at the services', () => {
  it('has the uid and the attempt for its key', () => {
    expect(taskID(aSourceStage(), 2)).toBe('uid-hello-1.source.2');
  });

  it.each([
    [1, undefined, '00000001'],
    [123, 'hello', '00000123-hello'],
    [123456789, 'hello', '123456789-hello'],
  ])('build %i of %s is in %s', (id, name, directory) => {
    expect(resultsDirectory(id, name)).toBe(directory);
  });

  it('is below owner, project and chroot, as in Copr', () => {
    expect(resultsPath(aSourceStage())).toBe('demo/hello/srpm-builds/00000007');
    expect(resultsPath(aBinaryStage('pebble-13-x86_64'))).toBe('demo/hello/pebble-13-x86_64/00000007-hello');
  });
});

describe('urlBelow', () => {
  it.each([
    ['http://r.example', 'a/b', 'http://r.example/a/b'],
    ['http://r.example/results//', 'a/b', 'http://r.example/results/a/b'],
    ['http://r.example', '@group/libstdc++', 'http://r.example/@group/libstdc++'],
    ['http://r.example', 'a b/100%?#', 'http://r.example/a%20b/100%25%3F%23'],
  ])('%s and %s: %s', (base, path, url) => {
    expect(urlBelow(base, path)).toBe(url);
  });
});
