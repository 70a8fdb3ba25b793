import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { repositoryPath } from '../build.ts';
import { blobName, openArchive } from '../image/archive.ts';
import { writeImage } from '../image/image.ts';
import { RELEASES } from '../releases.ts';
import { buildFilesImage } from './image.ts';

let dir = '';
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kopr-files-'));
  for (const release of RELEASES) {
    mkdirSync(repositoryPath(join(dir, 'distribution'), release), { recursive: true });
    writeFileSync(join(repositoryPath(join(dir, 'distribution'), release), 'a.rpm'), release.id);
  }
  mkdirSync(join(dir, 'fixtures'), { mode: 0o700 });
  writeFileSync(join(dir, 'fixtures', 'hello.src.rpm'), 'one');
  mkdirSync(join(dir, 'web'));
  const layers = [{ directory: join(dir, 'web'), at: '', keepOwners: false }];
  await writeImage(join(dir, 'web.tar'), { name: 'localhost/web:1', architecture: 'amd64', config: {}, layers });
});
afterAll(() => rmSync(dir, { recursive: true }));

function build(fixtures: readonly string[]): Promise<string> {
  const outputDirectory = join(dir, 'out');
  return buildFilesImage({
    distribution: join(dir, 'distribution'),
    webImage: join(dir, 'web.tar'),
    fixtures,
    outputDirectory,
  });
}

/** The members of each layer, as tar lists them. */
async function layersOf(archive: string): Promise<string[][]> {
  const reader = await openArchive(archive);
  const index = JSON.parse((await reader.read('index.json')).toString());
  const manifest = JSON.parse((await reader.read(blobName(index.manifests[0].digest))).toString());
  const digests: string[] = manifest.layers.map((layer: { digest: string }) => layer.digest);
  return Promise.all(
    digests.map(async (digest) => {
      const input = await reader.read(blobName(digest));
      return execFileSync('tar', ['-tf', '-'], { input, encoding: 'utf8' }).trim().split('\n');
    }),
  );
}

test('repositories and fixtures lie where they are served, fixtures in a layer of their own at the end', async () => {
  const layers = await layersOf(await build([join(dir, 'fixtures')]));
  expect(layers).toHaveLength(1 + 1 + RELEASES.length + 1);
  expect(layers[1]).toContain('./etc/nginx/nginx.conf');
  expect(layers.flat()).toEqual(
    expect.arrayContaining(['./srv/www/pebble/13/x86_64/a.rpm', './srv/www/pebble/12/i386/a.rpm']),
  );
  expect(layers.at(-1)).toEqual(['./srv/www/', './srv/www/hello.src.rpm']);
});

test('the same fixtures give the same archive, others a new one on the same base', async () => {
  const first = await build([join(dir, 'fixtures')]);
  expect(await build([join(dir, 'fixtures')])).toBe(first);
  writeFileSync(join(dir, 'fixtures', 'hello.src.rpm'), 'two');
  const second = await build([join(dir, 'fixtures')]);
  expect(second).not.toBe(first);
  expect(existsSync(first)).toBe(true);
  expect(readdirSync(join(dir, 'out')).filter((name) => name.startsWith('repositories-'))).toHaveLength(1);
});
