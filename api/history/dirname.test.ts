import { describe, expect, it } from 'vitest';
import { buildSpec } from '../../crds/build.ts';
import { parseDirname, splitDirname } from './dirname.ts';

describe('the directory that a build is published to', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['hello', undefined],
    ['hello:custom:x', 'custom:x'],
    ['hello:custom:new-gcc-16', 'custom:new-gcc-16'],
    ['hello:pr:7', 'pr:7'],
    ['hello:pr:org-repo-7', 'pr:org-repo-7'],
  ])('%s of hello is %s', (dirname, directory) => {
    expect(parseDirname('hello', dirname)).toEqual({ directory });
    // What is taken here must be taken by the cluster.
    const spec = { project: 'hello', source: { link: { url: 'http://x.test/a.src.rpm' } }, directory };
    expect(buildSpec.safeParse(spec).success).toBe(true);
  });

  it.each([
    'hello:',
    'hello:x',
    'hello:custom:',
    'hello:custom:a_b',
    'hello:custom:-',
    'hello:custom:a:b',
    'hello:pr:x',
    'hello:pr:7x',
    'hello:pr:',
    `hello:custom:${'a'.repeat(120)}`,
    'hello:custom:../x',
  ])('%s is refused with the forms there are', (dirname) => {
    expect(parseDirname('hello', dirname)).toEqual({
      problem: expect.stringMatching(/must be hello, hello:custom:NAME/),
    });
  });

  it('belongs to the project that is named', () => {
    expect(parseDirname('hello', 'other:pr:1')).toEqual({
      problem: expect.stringMatching(/no directory of project hello/),
    });
  });

  it.each([
    ['hello', { project: 'hello', directory: undefined }],
    ['hello:pr:1', { project: 'hello', directory: 'pr:1' }],
  ])('%s is split', (dirname, parts) => {
    expect(splitDirname(dirname)).toEqual(parts);
  });
});
