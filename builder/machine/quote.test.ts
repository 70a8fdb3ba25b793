import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commandLine } from './quote.ts';

/** What a shell hands to the program that such a line runs. */
function received(words: readonly string[], shell: readonly string[]): string[] {
  const [program = '', ...args] = shell;
  const line = commandLine(['printf', '%s\\0', ...words]);
  const output = execFileSync(program, [...args, '-c', line], {
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return output.toString('utf8').split('\0').slice(0, -1);
}

const word = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom("'", '"', '\\', '$', '`', '!', '\n', ' ', ';', '*', '-', '~', '#', '(', 'a'),
    maxLength: 20,
  }),
);

describe('a command line', () => {
  it.each([[['dash']], [['bash', '--posix']], [['busybox', 'sh']]])(
    'reaches the program as it was meant through %j',
    (shell) => {
      fc.assert(
        fc.property(
          fc.array(
            word.filter((text) => !text.includes('\0')),
            { minLength: 1, maxLength: 80 },
          ),
          (words) => {
            expect(received(words, shell)).toEqual(words);
          },
        ),
        { numRuns: 6 },
      );
    },
  );

  it('is not made of a NUL', () => {
    expect(() => commandLine(['a\0b'])).toThrow('a NUL character cannot be part of a command');
  });

  it('quotes what looks harmless, too', () => {
    expect(commandLine(['sudo', '-n', "it's"])).toBe(`'sudo' '-n' 'it'\\''s'`);
  });
});
