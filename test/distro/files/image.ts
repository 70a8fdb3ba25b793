import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryPath } from '../build.ts';
import { openArchive } from '../image/archive.ts';
import { writeImage } from '../image/image.ts';
import { prune } from '../prune.ts';
import { RELEASES } from '../releases.ts';
import { run } from '../run.ts';
import { NGINX_CONFIG } from './nginx.ts';

export const FILES_IMAGE = 'localhost/kopr-test-files:latest';
const KEPT = 3;
const WEB_ROOT = '/srv/www';

/** What the file server is made of. */
export interface FilesImageInput {
  /** Directory of a finished distribution. */
  distribution: string;
  /** OCI archive of an image that can run nginx. */
  webImage: string;
  /** Directories whose content is served from the root, the later over the earlier. */
  fixtures: readonly string[];
  outputDirectory: string;
}

/**
 * Writes the image of a web server with the repositories under /pebble/VERSION/ARCH/ and fixtures at the root, and
 * returns the path of its archive. The large part is kept apart and reused, so that other fixtures cost seconds.
 */
export async function buildFilesImage(input: FilesImageInput): Promise<string> {
  await mkdir(input.outputDirectory, { recursive: true });
  const key = await hashOf([input.distribution, await identity(input.webImage), NGINX_CONFIG]);
  const base = join(input.outputDirectory, `repositories-${key}.oci.tar`);
  if (!(await exists(base))) await buildBase(input, base);
  if (input.fixtures.length === 0) return base;

  const contents = await Promise.all(input.fixtures.map(fingerprint));
  const path = join(input.outputDirectory, `files-${await hashOf([base, ...contents])}.oci.tar`);
  if (await exists(path)) return path;
  const layers = input.fixtures.map((directory) => ({ directory, at: WEB_ROOT, keepOwners: false }));
  await writeImage(path, { name: FILES_IMAGE, architecture: 'amd64', base, config: {}, layers });
  await prune(input.outputDirectory, /^files-/, KEPT);
  await prune(input.outputDirectory, /^repositories-/, KEPT);
  return path;
}

async function buildBase(input: FilesImageInput, path: string): Promise<void> {
  const work = await mkdtemp(join(input.outputDirectory, 'work-'));
  try {
    await mkdir(join(work, 'etc', 'nginx'), { recursive: true });
    await writeFile(join(work, 'etc', 'nginx', 'nginx.conf'), NGINX_CONFIG);
    await mkdir(join(work, 'srv', 'www'), { recursive: true });
    const repositories = RELEASES.map((release) => ({
      directory: repositoryPath(input.distribution, release),
      at: `${WEB_ROOT}/pebble/${release.version}/${release.rpmArch}`,
      keepOwners: false,
    }));
    await writeImage(path, {
      name: FILES_IMAGE,
      architecture: 'amd64',
      base: input.webImage,
      config: {
        User: '1000:1000',
        Entrypoint: ['/usr/sbin/nginx', '-e', 'stderr', '-g', 'daemon off;'],
        ExposedPorts: { '8080/tcp': {} },
      },
      layers: [{ directory: work, at: '', keepOwners: false }, ...repositories],
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Everything about a directory that tar would pack. */
async function fingerprint(directory: string): Promise<string> {
  const args = ['--sort=name', '--owner=0', '--group=0', '--mtime=@0', '--mode=a+rX'];
  const archive = await run('tar', [...args, '-C', directory, '-cf', '-', '.']);
  return createHash('sha256').update(archive).digest('hex');
}

/** The index of an archive names its images by their content. */
async function identity(archive: string): Promise<string> {
  return (await (await openArchive(archive)).read('index.json')).toString('utf8');
}

async function hashOf(parts: readonly string[]): Promise<string> {
  const source = await readFile(join(import.meta.dirname, 'image.ts'));
  return createHash('sha256').update(source).update(parts.join('\0')).digest('hex').slice(0, 16);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
