import { access, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { downloadClosure } from './apt/closure.ts';
import { rpmNameOf } from './convert/convert.ts';
import { sharedDirectories } from './convert/files.ts';
import { convertAll } from './convert/pool.ts';
import { readDeb } from './deb/package.ts';
import { buildRootPackage, buildTriggers } from './pebble/extras.ts';
import { setupPackage } from './pebble/setup.ts';
import type { Release } from './releases.ts';
import { fileName, type RpmPackage } from './rpm/model.ts';
import { writeRpm } from './rpm/write.ts';
import { run } from './run.ts';

/** Takes one line of progress for a person to read. */
export type Report = (line: string) => void;

/**
 * Makes the dnf repository of a release in `directory`/repo and returns its path.
 * Repeated after an interruption it downloads and converts only what is missing; metadata appears last and at once.
 */
export async function buildRepository(
  release: Release,
  mirror: string,
  directory: string,
  report: Report,
): Promise<string> {
  const repo = join(directory, 'repo');
  if (await exists(join(repo, 'repodata', 'repomd.xml'))) return repo;
  await mkdir(repo, { recursive: true });
  report(`downloading Debian ${release.version} (${release.suite}, ${release.debianArch})`);
  const debs = await downloadClosure(release, mirror, join(directory, 'apt'));
  const find = async (name: string) => {
    const path = debs.find((deb) => deb.includes(`/${name}_`));
    if (path === undefined) throw new Error(`the packages of ${release.suite} do not include ${name}`);
    return readDeb(path);
  };
  const expected = new Set(debs.map((deb) => rpmNameOf(deb, release)));
  const present = new Set(await removeOthers(repo, expected));
  await writePackage(repo, setupPackage(release, await find('base-passwd')));
  await writePackage(repo, buildRootPackage(release));
  await buildTriggers(release, directory, repo);

  const missing = debs.filter((deb) => !present.has(rpmNameOf(deb, release)));
  const context = {
    release,
    sharedDirectories: sharedDirectories(await find('base-files')),
    pythonAbi: pythonAbi(debs),
  };
  report(`converting ${missing.length} of ${debs.length} packages`);
  let count = 0;
  await convertAll(missing, { context, outputDirectory: repo }, 1, () => {
    count += 1;
    if (count % 50 === 0) report(`converted ${count} of ${missing.length}`);
  });
  await run('createrepo_c', ['--quiet', '--no-database', repo]);
  report(`repository of ${debs.length + 3} packages is ready`);
  return repo;
}

/** Clears what an interrupted run left behind, perhaps from an older state of the mirror; returns what stays. */
async function removeOthers(repo: string, expected: ReadonlySet<string>): Promise<string[]> {
  const names = await readdir(repo);
  for (const name of names) {
    if (!expected.has(name)) await rm(join(repo, name), { recursive: true });
  }
  return names.filter((name) => expected.has(name));
}

async function writePackage(repo: string, pkg: RpmPackage): Promise<void> {
  const path = join(repo, fileName(pkg));
  await writeFile(`${path}.part`, writeRpm(pkg));
  await rename(`${path}.part`, path);
}

/** 'python3.13-minimal_…' is the interpreter that python3 stands for. */
function pythonAbi(debs: readonly string[]): string {
  const match = debs.map((deb) => /\/python(3\.\d+)-minimal_/.exec(deb)?.[1]).find((abi) => abi !== undefined);
  if (match === undefined) throw new Error('the packages include no Python interpreter, which dnf needs');
  return match;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
