import { sep } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError } from './api-error.ts';
import {
  buildNumberOf,
  mainProject,
  parseResultDirectory,
  pathsOf,
  projectName,
  relativePath,
  taskId,
} from './paths.ts';

const paths = pathsOf('/data');

describe('the directory in a token', () => {
  it.each([
    'demo/hello/pebble-13-x86_64/00000001-hello',
    '@team/hello:pr:7/fedora-rawhide-x86_64/10000001-libstdc++',
    'demo/hello/srpm-builds/00000001',
    'demo/c.d/centos-stream+epel-9-x86_64/00000001-perl-A~b^1',
  ])('%s is accepted as it is', (dir) => {
    const parsed = parseResultDirectory(dir);
    expect(relativePath(parsed)).toBe(dir);
    expect(paths.result(parsed)).toBe(`/data/results/${dir}`);
  });

  it('never leads out of the results tree or to a hidden name, whatever it is', () => {
    const part = fc.oneof(
      fc.constantFrom(
        '..',
        '.',
        '',
        'a',
        '@a',
        'x-y',
        '00000001',
        '00000001-a',
        '.task',
        'a\0',
        'repodata',
        '%2e%2e',
        '~',
        '-x',
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
        let path: string;
        try {
          path = paths.result(parseResultDirectory(parts.join('/')));
        } catch (error) {
          expect(error).toBeInstanceOf(ApiError);
          return;
        }
        const segments = path.split(sep);
        expect(segments.slice(0, 3)).toEqual(['', 'data', 'results']);
        expect(segments).toHaveLength(7);
        for (const segment of segments.slice(3)) expect(segment).toMatch(/^[A-Za-z0-9_@][^/\0]*$/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('names', () => {
  it.each(['..', '.a', 'a/b', '', 'a b', '@', '@@a', '-a', 'ä', 'a\n', 'x'.repeat(130)])('%j is no owner', (name) => {
    expect(() => projectName(name, 'hello')).toThrow('is not a valid owner name');
  });

  it('of tasks are what ChrootBuilds give them', () => {
    expect(taskId('0aaef3c0-8df3-4c2b-9d39-0123456789ab.1')).toBe('0aaef3c0-8df3-4c2b-9d39-0123456789ab.1');
    for (const bad of [
      'x',
      '../x',
      '0aaef3c0-8df3-4c2b-9d39-0123456789ab',
      '0aaef3c0-8df3-4c2b-9d39-0123456789ab.100',
    ]) {
      expect(() => taskId(bad)).toThrow(ApiError);
    }
  });

  it.each([
    ['00000012-hello', 12],
    ['00000012', 12],
    ['1234567890-x', 1_234_567_890],
    ['0000012-hello', undefined],
    ['.repodata-1', undefined],
    ['devel', undefined],
    ['00000012_hello', undefined],
  ])('of results directories tell their build: %s', (name, build) => {
    expect(buildNumberOf(name)).toBe(build);
  });

  it('of directories of a project lead to the project', () => {
    expect(['hello', 'hello:pr:7', 'hello:custom:x'].map(mainProject)).toEqual(['hello', 'hello', 'hello']);
  });
});
