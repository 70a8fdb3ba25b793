import { access, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { debianMirror } from './apt/mirror.ts';
import type { Config } from './config.ts';
import { writeImage } from './image/image.ts';
import { inputsHash } from './inputs.ts';
import { prune } from './prune.ts';
import { RELEASES, type Release } from './releases.ts';
import { buildRepository, type Report } from './repository.ts';
import { installRoot } from './root.ts';

/** Where the parts of a finished build lie, below the directory that `buildDistribution` returns. */
export function repositoryPath(distribution: string, release: Release): string {
  return join(distribution, release.id, 'repo');
}

export function chrootArchivePath(distribution: string, release: Release): string {
  return join(distribution, release.id, 'chroot.oci.tar');
}

/** Finished distributions that stay in the cache: other checkouts may still be reading theirs. */
const KEPT = 3;

export function chrootImageName(release: Release): string {
  return `localhost/pebble:${release.id}`;
}

/**
 * Builds both releases (repository and chroot image each) unless that has been done, and returns their directory.
 * It appears under its final name when complete; an interrupted build goes on from its last finished step.
 */
export async function buildDistribution(config: Config, report: Report): Promise<string> {
  const parent = join(config.cacheDirectory, 'pebble');
  const final = join(parent, await inputsHash(import.meta.dirname));
  if (await exists(final)) return final;
  const mirror = await debianMirror(config.mirror);
  const partial = `${final}.partial`;
  await mkdir(partial, { recursive: true });
  const results = await Promise.allSettled(RELEASES.map((release) => buildRelease(release, mirror, partial, report)));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  await rename(partial, final);
  await prune(parent, /^[0-9a-f]{16}(?:\.partial)?$/, KEPT);
  return final;
}

async function buildRelease(release: Release, mirror: string, distribution: string, reportTo: Report): Promise<void> {
  const report: Report = (line) => reportTo(`${release.id}: ${line}`);
  const directory = join(distribution, release.id);
  const repo = await buildRepository(release, mirror, directory, report);
  const archive = chrootArchivePath(distribution, release);
  if (!(await exists(archive))) {
    report('installing the build root');
    const root = join(directory, 'root');
    await installRoot(release, repo, root, join(directory, 'scratch'));
    report('writing the chroot image');
    await writeImage(archive, {
      name: chrootImageName(release),
      // The image of the 32-bit release says amd64 as well: containerd on a 64-bit node takes nothing else, although
      // the node's kernel runs 32-bit programs. The label says what is really inside.
      architecture: 'amd64',
      config: {
        Cmd: ['/bin/bash'],
        Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LANG=C.UTF-8'],
        WorkingDir: '/',
        Labels: {
          'org.opencontainers.image.title': `Pebble Linux ${release.version} build root`,
          'kopr.dev/rpm-architecture': release.rpmArch,
        },
      },
      layers: [{ directory: root, at: '', keepOwners: true }],
    });
  }
  for (const name of ['root', 'scratch', 'apt', 'triggers']) {
    await rm(join(directory, name), { recursive: true, force: true });
  }
  report('done');
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
