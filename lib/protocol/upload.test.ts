import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { uploadNameFor, uploadNamePattern, uploadPath } from './upload.ts';

describe('uploadNameFor', () => {
  it.each([
    ['hello-2.12-1.src.rpm', 'hello-2.12-1.src.rpm'],
    ['hello-1.nosrc.rpm', 'hello-1.nosrc.rpm'],
    ['hello.spec', 'hello.spec'],
    ['HELLO.SRC.RPM', 'HELLO.src.rpm'],
    ['../../etc/hello.spec', 'hello.spec'],
    ['C:\\packages\\hello.spec', 'hello.spec'],
    ['-rf hello.spec', 'rf_hello.spec'],
    ['.hidden.spec', 'hidden.spec'],
    ['häl lo.spec', 'h_l_lo.spec'],
    ['a\n\0b.spec', 'a_b.spec'],
    [`${'x'.repeat(300)}.spec`, `${'x'.repeat(200)}.spec`],
    ['hello-1.x86_64.rpm', undefined],
    ['.spec', undefined],
    ['..spec', undefined],
    ['hello.spec/', undefined],
    ['', undefined],
  ])('stores %j as %j', (given, name) => {
    expect(uploadNameFor(given)).toBe(name);
  });

  it('never gives a name that is not one, and gives its own names back', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('.spec', '.src.rpm', '.noSRC.rpm', ''),
        (stem, end) => {
          const name = uploadNameFor(stem + end);
          if (name === undefined) return;
          expect(name).toMatch(uploadNamePattern);
          expect(uploadNameFor(name)).toBe(name);
        },
      ),
    );
  });
});

describe('uploadPath', () => {
  it('is a path of two parts', () => {
    expect(uploadPath({ id: 'a'.repeat(32), name: 'a+b^1.spec' })).toBe(`/tmp/${'a'.repeat(32)}/a%2Bb%5E1.spec`);
  });
});
