import { resolve, sep } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layoutOf, lookasideFile, repositoryDir, taskLogPath } from './layout.ts';
import { type Route, routeOf } from './public-routes.ts';

const md5 = 'd41d8cd98f00b204e9800998ecf8427e';
const sha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const path = { owner: '@team', project: 'hello:pr:1', package: 'hello' };

describe('a URL of the public port', () => {
  it.each<[string, Route]>([
    ['/', { kind: 'index' }],
    ['/git/@team/hello:pr:1/hello/info/refs?service=git-upload-pack', { kind: 'git', path, service: 'info/refs' }],
    [
      '/git/%40team/hello%3Apr%3A1/hello.git/info/refs?service=git-upload-pack',
      { kind: 'git', path, service: 'info/refs' },
    ],
    ['/git/@team/hello:pr:1/hello.git/git-upload-pack', { kind: 'git', path, service: 'git-upload-pack' }],
    ['/git/@team/hello:pr:1/hello/info/refs?service=git-receive-pack', { kind: 'push' }],
    ['/git/@team/hello:pr:1/hello/git-receive-pack', { kind: 'push' }],
    ['/git/@team/hello:pr:1/hello/info/refs', { kind: 'dumb' }],
    [
      `/repo/pkgs/@team/hello:pr:1/hello/a%20b.zip/md5/${md5}/a%20b.zip`,
      { kind: 'lookaside', path, file: 'a b.zip', hashtype: 'md5', hash: md5 },
    ],
    [
      `/repo/pkgs/@team/hello:pr:1/hello/a.zip/${md5}/a.zip`,
      { kind: 'lookaside', path, file: 'a.zip', hashtype: 'md5', hash: md5 },
    ],
    [
      `/repo/pkgs/@team/hello:pr:1/hello/a.zip/sha256/${sha256}/a.zip`,
      { kind: 'lookaside', path, file: 'a.zip', hashtype: 'sha256', hash: sha256 },
    ],
    ['/per-task-logs/17.log', { kind: 'log', build: 17 }],
  ])('%s is understood', (url, route) => {
    expect(routeOf(url)).toEqual(route);
  });

  it.each([
    '/git/../../etc/passwd',
    '/git/a/b/../info/refs?service=git-upload-pack',
    '/git/a/b/%2e%2e/info/refs?service=git-upload-pack',
    '/git/a/b/c%2f..%2fd/info/refs?service=git-upload-pack',
    '/git/a/b/c/HEAD',
    '/git/a/b/c/objects/info/packs',
    `/repo/pkgs/a/b/c/a.zip/sha256/${md5}/a.zip`,
    `/repo/pkgs/a/b/c/a.zip/md5/${md5}/b.zip`,
    `/repo/pkgs/a/b/c/a.zip/md5/${md5.toUpperCase()}/a.zip`,
    `/repo/pkgs/a/b/c/..%2fx/md5/${md5}/..%2fx`,
    '/per-task-logs/..%2f1.log',
    '/per-task-logs/017.log',
    '/%',
    '//',
    'http://elsewhere/',
  ])('%s leads nowhere', (url) => {
    expect(routeOf(url)).toBeUndefined();
  });

  it('never leads out of its directory', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'git',
        'repo',
        'pkgs',
        '..',
        '.',
        '%2e%2e',
        '%2f',
        '%5c',
        '%00',
        'a',
        'a.git',
        'md5',
        md5,
        'info',
        'refs',
        '',
        '@a',
        '~',
        'per-task-logs',
        '1.log',
      ),
      fc.webSegment(),
      fc.string(),
    );
    const prefix = fc.constantFrom('/', '/git/', '/git/a/b/', '/repo/pkgs/', `/repo/pkgs/a/b/c/`, '/per-task-logs/');
    const layout = layoutOf('/data');
    fc.assert(
      fc.property(
        prefix,
        fc.array(piece, { maxLength: 9 }),
        fc.constantFrom('', '?service=git-upload-pack'),
        (start, pieces, query) => {
          const route = routeOf(start + pieces.join('/') + query);
          if (route?.kind === 'git') expect(depthBelow(layout.git, repositoryDir(layout, route.path))).toBe(3);
          if (route?.kind === 'log') expect(depthBelow(layout.logs, taskLogPath(layout, route.build))).toBe(1);
          if (route?.kind !== 'lookaside') return;
          expect(
            depthBelow(layout.pkgs, lookasideFile(layout, route.path, route.file, route.hashtype, route.hash)),
          ).toBe(5);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

/** Directory levels of `file` below `dir` after resolution; throws when it is outside. */
function depthBelow(dir: string, file: string): number {
  const real = resolve(file);
  if (real !== file || !real.startsWith(dir + sep)) throw new Error(`${file} is not below ${dir}`);
  return real.slice(dir.length + 1).split(sep).length;
}
