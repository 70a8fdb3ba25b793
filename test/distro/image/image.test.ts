import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeImage } from './image.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kopr-oci-'));
  mkdirSync(join(dir, 'root', 'etc'), { recursive: true });
  writeFileSync(join(dir, 'root', 'etc', 'name'), 'base\n');
  mkdirSync(join(dir, 'more', 'sub'), { recursive: true });
  writeFileSync(join(dir, 'more', 'sub', 'file'), 'added\n');
  symlinkSync('./file', join(dir, 'more', 'sub', 'link'));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** Unpacks the archive and checks every blob against its name. */
function unpack(archive: string) {
  const target = mkdtempSync(join(dir, 'unpacked-'));
  execFileSync('tar', ['-xf', archive, '-C', target]);
  const blob = (digest: string) => {
    const data = readFileSync(join(target, 'blobs', digest.replace(':', '/')));
    expect(`sha256:${createHash('sha256').update(data).digest('hex')}`).toBe(digest);
    return data;
  };
  const index = JSON.parse(readFileSync(join(target, 'index.json'), 'utf8'));
  const manifest = JSON.parse(blob(index.manifests[0].digest).toString());
  const config = JSON.parse(blob(manifest.config.digest).toString());
  const layers = manifest.layers.map((layer: { digest: string }) => blob(layer.digest));
  return { index, config, layers: layers as Buffer[] };
}

function listing(layer: Buffer): string[] {
  return execFileSync('tar', ['-tvf', '-'], { input: layer, encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => {
      return line.replace(/^\S+ (\S+) +\d+ \S+ \S+ /, '$1 ');
    });
}

test('an image on top of another holds the layers of both, the new one at its place', async () => {
  const base = join(dir, 'base.tar');
  const layers = [{ directory: join(dir, 'root'), at: '', keepOwners: true }];
  const config = { User: '1000', Env: ['A=1'] };
  await writeImage(base, { name: 'localhost/base:1', architecture: 'amd64', config, layers });
  const top = join(dir, 'top.tar');
  const more = [{ directory: join(dir, 'more'), at: '/srv/www', keepOwners: false }];
  await writeImage(top, { name: 'localhost/top:2', architecture: 'amd64', config: { Cmd: ['x'] }, layers: more, base });

  const image = unpack(top);
  expect(image.index.manifests[0].annotations['io.containerd.image.name']).toBe('localhost/top:2');
  expect(image.config.config).toEqual({ User: '1000', Env: ['A=1'], Cmd: ['x'] });
  expect(image.config.rootfs.diff_ids).toHaveLength(2);
  expect(listing(image.layers[1] as Buffer)).toEqual([
    'root/root ./srv/www/',
    'root/root ./srv/www/sub/',
    'root/root ./srv/www/sub/file',
    'root/root ./srv/www/sub/link -> ./file',
  ]);
});

test('layers without owners are equal in every byte whenever they are made', async () => {
  const layers = [{ directory: join(dir, 'more'), at: '', keepOwners: false }];
  const spec = { name: 'localhost/x:1', architecture: 'amd64', config: {}, layers };
  await writeImage(join(dir, 'a.tar'), spec);
  await writeImage(join(dir, 'b.tar'), spec);
  expect(readFileSync(join(dir, 'a.tar')).equals(readFileSync(join(dir, 'b.tar')))).toBe(true);
});

test('a base that is no OCI archive is refused by name', async () => {
  writeFileSync(join(dir, 'no.tar'), execFileSync('tar', ['-C', dir, '-cf', '-', 'root']));
  const spec = { name: 'localhost/x:1', architecture: 'amd64', config: {}, layers: [], base: join(dir, 'no.tar') };
  await expect(writeImage(join(dir, 'c.tar'), spec)).rejects.toThrow('no.tar is no OCI archive: it lacks index.json');
});
