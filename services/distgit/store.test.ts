import { createHash } from 'node:crypto';
import { linkSync, mkdirSync } from 'node:fs';
import { mkdir, readFile, stat, truncate, unlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasCode } from '../../lib/errors.ts';
import { type Layout, layoutOf, lookasideFile, type PackagePath, storePath } from './layout.ts';
import { removeProject } from './remove-project.ts';
import { putLookaside } from './store.ts';
import { sweepOld, sweepStore } from './sweep.ts';
import { removeDir, scratchDir } from './testing/harness.ts';
import type { UnpackedFile } from './unpack.ts';

const DAY_MS = 86_400_000;
const content = Buffer.from('the archive');
const digest = (kind: string): string => createHash(kind).update(content).digest('hex');
const path: PackagePath = { owner: 'demo', project: 'p', package: 'hello' };

let dir: string;
let layout: Layout;
let file: UnpackedFile;
let stored: string;

beforeEach(async () => {
  dir = await scratchDir();
  layout = layoutOf(dir);
  await mkdir(layout.tmp, { recursive: true });
  const source = join(layout.tmp, '0');
  await writeFile(source, content);
  const digests = { md5: digest('md5'), sha256: digest('sha256'), sha512: digest('sha512') };
  file = { name: 'a.zip', path: source, size: content.length, executable: false, binary: true, ...digests };
  stored = storePath(layout, file.sha512);
});

afterEach(async () => removeDir(dir));

describe('the lookaside cache', () => {
  it('keeps one content under each digest, and says whether it was new', async () => {
    expect(await putLookaside(layout, path, file)).toBe(true);
    expect(await putLookaside(layout, path, file)).toBe(false);
    expect(await putLookaside(layout, { ...path, owner: 'other' }, file)).toBe(false);
    for (const kind of ['md5', 'sha256', 'sha512'] as const) {
      expect(await readFile(lookasideFile(layout, path, 'a.zip', kind, file[kind]))).toEqual(content);
    }
    // store, two packages with three names each, and the scratch file
    expect((await stat(stored)).nlink).toBe(8);
  });

  it('mends a copy that a damaged volume has cut', async () => {
    await putLookaside(layout, path, file);
    await unlink(file.path);
    await writeFile(file.path, content);
    await truncate(stored, 3);
    await putLookaside(layout, path, file);
    expect(await readFile(stored)).toEqual(content);
    expect(await readFile(lookasideFile(layout, path, 'a.zip', 'md5', file.md5))).toEqual(content);
  });
});

describe('a content that more packages share than a file may have names', () => {
  it('begins a second copy', async () => {
    await putLookaside(layout, path, file);
    const full = join(layout.tmp, 'full');
    mkdirSync(full);
    // ext4 ends at 65,000; a file system without such a limit passes as well.
    fillLinks(stored, full, 70_000);
    const other = { ...path, project: 'late' };
    await putLookaside(layout, other, file);
    for (const kind of ['md5', 'sha256', 'sha512'] as const) {
      expect(await readFile(lookasideFile(layout, other, 'a.zip', kind, file[kind]))).toEqual(content);
    }
  }, 60_000);
});

function fillLinks(source: string, into: string, max: number): void {
  for (let count = 0; count < max; count++) {
    try {
      linkSync(source, join(into, String(count)));
    } catch (error) {
      if (hasCode(error, 'EMLINK')) return;
      throw error;
    }
  }
}

describe('the sweep', () => {
  const later = (): number => Date.now() + DAY_MS + 60_000;

  it('removes content a day after its last project has gone, and no other', async () => {
    await putLookaside(layout, path, file);
    await putLookaside(layout, { ...path, project: 'q' }, file);
    await unlink(file.path);
    await removeProject(layout, 'demo', 'p', 'first');
    expect(await sweepStore(dirname(stored), later())).toEqual({ files: 0, bytes: 0 });
    await removeProject(layout, 'demo', 'q', 'second');
    expect(await sweepStore(dirname(stored), Date.now())).toEqual({ files: 0, bytes: 0 });
    expect(await sweepStore(dirname(stored), later())).toEqual({ files: 1, bytes: content.length });
    expect(await sweepStore(dirname(stored), later())).toEqual({ files: 0, bytes: 0 });
  });

  it('of a directory that is not there finds nothing', async () => {
    expect(await sweepStore(join(dir, 'none'), 0)).toEqual({ files: 0, bytes: 0 });
  });

  it('of logs removes old ones', async () => {
    for (const name of ['1.log', '2.log']) await writeFile(join(layout.tmp, name), 'x');
    await utimes(join(layout.tmp, '1.log'), 1000, 1000);
    expect(await sweepOld(layout.tmp, 2_000_000)).toEqual({ files: 1, bytes: 1 });
    await expect(stat(join(layout.tmp, '1.log'))).rejects.toThrow(/ENOENT/);
    expect((await stat(join(layout.tmp, '2.log'))).isFile()).toBe(true);
  });
});
