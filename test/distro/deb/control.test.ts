import { expect, test } from 'vitest';
import { parseControl, parseRelations } from './control.ts';

test('a control stanza gives its fields by lower-case name, descriptions with their lines', () => {
  const fields = parseControl(
    'Package: zlib1g\nMulti-Arch: same\nDescription: compression library\n a long\n .\n text\n',
  );
  expect(fields.get('package')).toBe('zlib1g');
  expect(fields.get('multi-arch')).toBe('same');
  expect(fields.get('description')).toBe('compression library\na long\n.\ntext');
});

test.each([
  ['libc6', [[{ name: 'libc6', op: '', version: '' }]]],
  ['python3:any (>= 3.5~)', [[{ name: 'python3', op: '>=', version: '3.5~' }]]],
  [
    'a | b (= 1:2-3), libstdc++6 (<< 2)',
    [
      [
        { name: 'a', op: '', version: '' },
        { name: 'b', op: '=', version: '1:2-3' },
      ],
      [{ name: 'libstdc++6', op: '<<', version: '2' }],
    ],
  ],
  ['', []],
])('the relation %j is parsed', (text, expected) => {
  expect(parseRelations(text)).toEqual(expected);
});

test('a relation that is none is refused by name', () => {
  expect(() => parseRelations('a, b [amd64')).toThrow("'b [amd64' is not a Debian package relation");
});
