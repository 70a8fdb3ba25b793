import { describe, expect, it } from 'vitest';
import { isArchOf } from './arch.ts';
import { fileNameOf, formatEvr, formatNevra, parseFileName } from './nevra.ts';

describe('package names', () => {
  const nevra = { name: 'lib-foo', epoch: 2, version: '1.0~rc1', release: '3.pb13', arch: 'x86_64' };

  it('leave the epoch out of the file name', () => {
    expect(fileNameOf(nevra)).toBe('lib-foo-1.0~rc1-3.pb13.x86_64.rpm');
    expect(formatNevra(nevra)).toBe('lib-foo-2:1.0~rc1-3.pb13.x86_64');
    expect(formatEvr({ ...nevra, epoch: 0 })).toBe('1.0~rc1-3.pb13');
  });

  it('are read back from a file name', () => {
    expect(parseFileName(fileNameOf(nevra))).toEqual({ ...nevra, epoch: 0 });
  });

  it.each(['hello.rpm', 'hello-1.rpm', 'hello-1-1.rpm', 'hello-1-1.x86_64', 'hello--1.x86_64.rpm', ''])(
    'are not seen in %j',
    (name) => {
      expect(parseFileName(name)).toBeUndefined();
    },
  );
});

describe('the architectures of a chroot', () => {
  it.each([
    ['x86_64', 'x86_64', true],
    ['x86_64', 'noarch', true],
    ['x86_64', 'i686', false],
    ['x86_64', 'aarch64', false],
    ['i386', 'i686', true],
    ['i386', 'x86_64', false],
    ['aarch64', 'aarch64', true],
    ['riscv64', 'riscv64', true],
    ['x86_64', 'src', false],
    ['constructor', 'x86_64', false],
  ])('%s and %s: %s', (chroot, arch, expected) => {
    expect(isArchOf(chroot, arch)).toBe(expected);
  });
});
