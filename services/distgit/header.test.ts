import { describe, expect, it } from 'vitest';
import { parseHeader } from './header.ts';

const good = ['name=hello', 'epoch=0', 'version=1.0', 'release=1', 'binary=0', 'buildtime=1700000000'];

describe('the output of the header query', () => {
  it('is taken apart', () => {
    const more = [
      'exclusivearch=x86_64',
      'exclusivearch=%{java_arches}',
      'excludearch=(none)',
      'buildarch=noarch',
      'file=0 a = b.patch',
      'file=32 hello.spec',
      'file=33 x.spec',
    ];
    expect(parseHeader([...good, ...more, ''].join('\n'))).toEqual({
      name: 'hello',
      epoch: 0,
      version: '1.0',
      release: '1',
      exclusiveArch: ['x86_64', '%{java_arches}'],
      excludeArch: [],
      buildArchs: ['noarch'],
      buildTime: 1_700_000_000,
      specs: ['hello.spec', 'x.spec'],
    });
  });

  it.each([
    ['binary=1', 'BinaryRpm'],
    ['name=../hello', 'BadPackageName'],
    ['name=hello.git', 'BadPackageName'],
    ['name=-hello', 'BadPackageName'],
    ['name=', 'BadPackageName'],
    ['version=1/2', 'BadHeader'],
    ['version=1-2', 'BadHeader'],
    ['release=', 'BadHeader'],
    ['epoch=-1', 'BadHeader'],
    ['epoch=x', 'BadHeader'],
    ['exclusivearch=a b', 'BadHeader'],
  ])('is refused with %s', (line, code) => {
    expect(() => parseHeader([line, ...good].join('\n'))).toThrow(expect.objectContaining({ code }));
  });
});
