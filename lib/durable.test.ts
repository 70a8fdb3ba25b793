import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  exists,
  ifThere,
  linkOnce,
  linkOver,
  readIfThere,
  removeFile,
  renameDurably,
  sweepTemporary,
  temporaryName,
  writeFileAtomic,
  writeFileIfChanged,
  writeNewFile,
} from './durable.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kopr-durable-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const at = (name: string): string => join(directory, name);
const text = (name: string): Promise<string> => readFile(at(name), 'utf8');

describe('a file that is written as a whole', () => {
  it('has the new content, whatever was there, and leaves nothing beside it', async () => {
    for (const content of ['first', 'second, and longer', '']) {
      await writeFileAtomic(at('a'), content);
      expect(await text('a')).toBe(content);
    }
    expect(await readdir(directory)).toEqual(['a']);
  });

  it('is never seen in part by who reads it meanwhile', async () => {
    const contents = ['x', 'y'].map((letter) => letter.repeat(100_000));
    await writeFileAtomic(at('a'), contents[0] ?? '');
    let writing = true;
    const reader = (async () => {
      const seen = new Set<string>();
      while (writing) seen.add(await text('a'));
      return seen;
    })();
    await Promise.all(Array.from({ length: 20 }, (_, n) => writeFileAtomic(at('a'), contents[n % 2] ?? '')));
    writing = false;
    for (const content of await reader) expect(contents).toContain(content);
  });

  it('stays as it was when the writing fails, with nothing beside it', async () => {
    await mkdir(at('a'));
    await writeFile(at('a/b'), 'old');
    await expect(writeFileAtomic(at('a'), 'new')).rejects.toThrow();
    expect(await readdir(directory, { recursive: true })).toEqual(['a', 'a/b']);
  });

  it('is left alone when it has the content already', async () => {
    expect(await writeFileIfChanged(at('a'), 'same')).toBe(true);
    const { ino } = await stat(at('a'));
    expect(await writeFileIfChanged(at('a'), Buffer.from('same'))).toBe(false);
    expect((await stat(at('a'))).ino).toBe(ino);
    expect(await writeFileIfChanged(at('a'), 'other')).toBe(true);
  });
});

describe('a new file', () => {
  it('has the mode it is given and replaces nothing', async () => {
    await writeNewFile(at('a'), 'secret', 0o600);
    expect((await stat(at('a'))).mode & 0o777).toBe(0o600);
    await expect(writeNewFile(at('a'), 'other', 0o600)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await text('a')).toBe('secret');
  });

  it('gets its name by rename, unless that is a directory with contents', async () => {
    await mkdir(at('new'));
    await mkdir(at('old'));
    await writeNewFile(at('new/a'), 'new', 0o644);
    await renameDurably(at('new'), at('old'));
    expect(await text('old/a')).toBe('new');
    await mkdir(at('new'));
    await expect(renameDurably(at('new'), at('old'))).rejects.toMatchObject({
      code: expect.stringMatching(/^(ENOTEMPTY|EEXIST)$/),
    });
  });
});

describe('a second name for a file', () => {
  it('is given once, and over another file only when that is asked for', async () => {
    await writeFile(at('a'), 'a');
    await writeFile(at('b'), 'b');
    expect(await linkOnce(at('a'), at('b'))).toBe(false);
    expect(await linkOnce(at('a'), at('c'))).toBe(true);
    for (let n = 0; n < 2; n++) await linkOver(at('a'), at('b'));
    expect([await text('b'), await text('c')]).toEqual(['a', 'a']);
    expect((await stat(at('a'))).nlink).toBe(3);
    expect((await readdir(directory)).sort()).toEqual(['a', 'b', 'c']);
  });

  it('needs a file', async () => {
    await expect(linkOnce(at('none'), at('b'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('temporary files', () => {
  it('are swept when a dead process has left them, and no others', async () => {
    const own = temporaryName(at('a'));
    expect(dirname(own)).toBe(directory);
    for (const name of [basename(own), '.tmp-00000000-0123456789ab', '.hidden', 'plain']) await writeFile(at(name), '');
    await sweepTemporary(directory);
    await sweepTemporary(at('none'));
    expect((await readdir(directory)).sort()).toEqual(['.hidden', basename(own), 'plain'].sort());
  });
});

describe('what is not there', () => {
  it('is undefined, false, or nothing to do', async () => {
    await writeFile(at('a'), '');
    for (const path of [at('none'), at('a/b')]) {
      expect(await readIfThere(path)).toBeUndefined();
      expect(await exists(path)).toBe(false);
      await removeFile(path);
    }
    expect(await exists(at('a'))).toBe(true);
  });

  it('is told apart from what cannot be read', async () => {
    await mkdir(at('a'));
    await expect(ifThere(readFile(at('a')))).rejects.toMatchObject({ code: 'EISDIR' });
  });
});
