import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../lib/errors.ts';
import { fileNameProblem } from '../../lib/lookaside/file-name.ts';
import { readCpio } from './cpio.ts';
import { makeCpio } from './testing/srpm.ts';
import { checkEntry } from './unpack.ts';

async function* inPieces(data: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let start = 0;
  for (let index = 0; start < data.length; index++) {
    const size = sizes[index % sizes.length] ?? data.length;
    yield data.subarray(start, start + size);
    start += size;
  }
}

async function read(
  data: Buffer,
  sizes: readonly number[] = [data.length],
): Promise<{ name: string; content: Buffer }[]> {
  const found: { name: string; parts: Buffer[] }[] = [];
  for await (const event of readCpio(inPieces(data, sizes))) {
    if (event.kind === 'entry') found.push({ name: event.entry.name, parts: [] });
    else found.at(-1)?.parts.push(event.chunk);
  }
  return found.map(({ name, parts }) => ({ name, content: Buffer.concat(parts) }));
}

const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
  .filter((text) => !/\0/.test(text) && text !== 'TRAILER!!!');
const members = fc.array(
  fc.record({ name, content: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) }),
);
const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 });

describe('a cpio archive', () => {
  it('is read as it was written, however the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(members, sizes, async (written, cuts) => {
        expect(await read(makeCpio(written), cuts)).toEqual(written);
      }),
    );
  });

  it('that breaks off is refused wherever it does', async () => {
    const whole = makeCpio([
      { name: 'a', content: 'hello' },
      { name: 'bcd', content: 'x' },
    ]);
    for (let length = 0; length < whole.length - 3; length++) {
      await expect(read(whole.subarray(0, length))).rejects.toThrow(TerminalError);
    }
  });

  it('of noise never does more than be refused', async () => {
    const noise = fc.tuple(
      fc.constantFrom('', '070701', '070702', '070707'),
      fc.string({ unit: 'binary', maxLength: 400 }),
    );
    await fc.assert(
      fc.asyncProperty(noise, async ([magic, rest]) => {
        await expect(read(Buffer.from(magic + rest))).rejects.toMatchObject({ code: 'BadPayload' });
      }),
    );
  });

  it('with a name of a gigabyte is refused before it is read', async () => {
    const archive = makeCpio([{ name: 'a' }]);
    archive.write('40000000', 94, 'latin1');
    await expect(read(archive)).rejects.toThrow(/announces a file name of 1073741824 bytes/);
  });
});

describe('an entry', () => {
  it('becomes a plain file name or an error, whatever it is called', () => {
    const wicked = fc
      .array(fc.constantFrom('.', '..', '/', '\\', '~', '-', 'a', '\0', '\n', '.git', ' ', '\u202e'))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(
        fc.oneof(wicked, fc.string({ unit: 'binary' })),
        fc.integer({ min: 0, max: 0o177777 }),
        (text, mode) => {
          try {
            const plain = checkEntry({ name: text, mode, size: 0, links: 1 });
            expect(fileNameProblem(plain)).toBeUndefined();
            expect(mode & 0o170000).toBe(0o100000);
          } catch (error) {
            expect(error).toBeInstanceOf(TerminalError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
