import { randomBytes } from 'node:crypto';
import {
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { exists, ifThere, makeDirectory, removeTree, syncDirectory } from '../../../lib/durable.ts';
import { hasCode } from '../../../lib/errors.ts';
import { type RepositoryKind, repositoryDirectory } from './change.ts';
import { digestOf, SHOWN_COMPS_FILE } from './comps.ts';
import type { Marks } from './contents.ts';
import { CreaterepoError, createrepo } from './createrepo.ts';
import {
  countPackages,
  currentNumber,
  type Generation,
  type GenerationState,
  generationDirectory,
  LINK_NAME,
  LIST_FILE,
  readLocations,
  STATE_FILE,
} from './generation.ts';
import { formatPackageList, type PackageList } from './package-list.ts';
import { type MetadataFile, packagesOnly, parseRepomd } from './repomd.ts';

export interface GenerationPlan {
  /** Directory the paths of packages are relative to. */
  chrootDirectory: string;
  kind: RepositoryKind;
  comps: string | undefined;
  marks: Marks;
  /** Generation to start from; undefined makes the metadata from nothing but the files. */
  from: Generation | undefined;
  /** Make it from nothing but the files all the same; the metadata of before is kept for who is still fetching it. */
  anew?: boolean;
  list: PackageList;
  /** Files that are known are unchanged; false looks at each one's size and time. */
  trusted: boolean;
  /** Leave out packages that cannot be read instead of failing; but never one that is in this list. */
  tolerant?: { butNot: PackageList };
}

export interface BuiltGeneration extends GenerationState {
  list: PackageList;
}

export interface GenerationTools {
  /** Scratch directory on the same file system. */
  work: string;
  workers: number;
  /** Path of createrepo_c; by default the one that is installed. */
  createrepo?: string;
  /** Milliseconds for which metadata that went out of use can still be fetched. */
  keepOldMs: number;
  now: () => number;
  /** Runs the step that shows the generation, unless the project is gone by then. */
  show: (step: () => Promise<void>) => Promise<void>;
  /** Signature of repomd.xml (armored) and the certificate it can be checked with. */
  sign: (repomd: Buffer) => Promise<{ signature: string; certificate: string }>;
}

/**
 * Makes the next generation aside and then lets the link point to it, so that a client sees the old one or the new one. The metadata
 * of earlier generations stays in the new directory for a while: who has read an old repomd.xml still finds what it refers to.
 * Death at any line leaves the old generation, or the new one, current; what else it leaves is overwritten or swept.
 */
export async function buildGeneration(plan: GenerationPlan, tools: GenerationTools): Promise<BuiltGeneration> {
  const scratch = join(tools.work, randomBytes(8).toString('hex'));
  try {
    const directory = await makeMetadata(plan, tools, scratch);
    const files = parseRepomd((await readFile(join(directory, 'repomd.xml'))).toString('utf8'));
    const list = await listedIn(directory, files, plan);
    const superseded = await keepOldMetadata(plan.from, files, directory, tools);
    const repository = repositoryDirectory(plan.chrootDirectory, plan.kind);
    const generation = (await currentNumber(repository)) + 1;
    const comps = digestOf(plan.comps);
    const state: GenerationState = {
      generation,
      packages: list.size,
      superseded,
      ...(comps === undefined ? {} : { comps }),
      ...plan.marks,
    };
    if (plan.comps !== undefined) await writeFile(join(directory, SHOWN_COMPS_FILE), plan.comps);
    await finish(directory, repository, list, state, tools);
    await tools.show(async () => {
      if (repository !== plan.chrootDirectory) await makeBelow(repository);
      await switchTo(repository, directory, generation);
      await removeOldGenerations(repository, generation);
    });
    return { ...state, list };
  } finally {
    await removeTree(scratch);
  }
}

/** Can createrepo_c read these packages, with nothing else around? Publishes nothing. */
export async function canRead(chrootDirectory: string, list: PackageList, tools: GenerationTools): Promise<boolean> {
  const scratch = join(tools.work, randomBytes(8).toString('hex'));
  try {
    const none = { kind: 'public', comps: undefined, marks: {}, from: undefined } as const;
    await makeMetadata({ ...none, chrootDirectory, list, trusted: false }, tools, scratch);
    return true;
  } catch (error) {
    if (error instanceof CreaterepoError && error.unreadable) return false;
    throw error;
  } finally {
    await removeTree(scratch);
  }
}

/** Runs createrepo_c over a copy (hard links) of the current metadata; returns the directory of the new one. */
async function makeMetadata(plan: GenerationPlan, tools: GenerationTools, scratch: string): Promise<string> {
  const directory = join(scratch, LINK_NAME);
  await makeDirectory(directory);
  const from = plan.anew === true ? undefined : plan.from;
  if (from !== undefined) {
    // Groups are not taken over: some versions of createrepo_c would keep them when there are none any more.
    const { text, files } = packagesOnly(await readFile(join(from.directory, 'repomd.xml'), 'utf8'));
    await writeFile(join(directory, 'repomd.xml'), text);
    for (const { name } of files) await link(join(from.directory, name), join(directory, name));
  }
  const groupFile = join(scratch, 'comps.xml');
  if (plan.comps !== undefined) await writeFile(groupFile, plan.comps);
  const packageList = join(scratch, 'packages');
  await writeFile(packageList, [...plan.list.keys()].map((path) => `${path}\n`).join(''));
  await createrepo(
    {
      directory: plan.chrootDirectory,
      output: scratch,
      packageList,
      update: from !== undefined,
      skipStat: plan.trusted,
      workers: tools.workers,
      ...(plan.kind === 'devel' ? { locationPrefix: '../' } : {}),
      ...(plan.comps === undefined ? {} : { groupFile }),
      tolerant: plan.tolerant !== undefined,
    },
    tools.createrepo,
  );
  return directory;
}

/** The packages that made it into the metadata. Throws CreaterepoError when there are not as many as there must be. */
async function listedIn(directory: string, files: readonly MetadataFile[], plan: GenerationPlan): Promise<PackageList> {
  const announced = await countPackages(directory, files);
  if (announced === plan.list.size) return plan.list;
  if (plan.tolerant === undefined) {
    throw new CreaterepoError(`createrepo_c listed ${announced} of ${plan.list.size} packages`, true);
  }
  const locations = await readLocations(directory, files);
  const list = new Map([...plan.list].filter(([path]) => locations.has(path)));
  const { butNot } = plan.tolerant;
  const lost = [...plan.list.keys()].find((path) => !list.has(path) && butNot.has(path));
  // It was readable before, so this is trouble with the volume, and no reason to withdraw it.
  if (lost !== undefined) throw new Error(`createrepo_c cannot read ${lost}, which is published already`);
  return list;
}

/** Links the metadata of earlier generations that someone may still be fetching. */
async function keepOldMetadata(
  from: Generation | undefined,
  files: readonly MetadataFile[],
  directory: string,
  { now, keepOldMs }: GenerationTools,
): Promise<Record<string, number>> {
  if (from === undefined) return {};
  const current = new Set(files.map((file) => file.name));
  const retired = new Map(Object.entries(from.superseded));
  for (const file of from.files) retired.set(file.name, now());
  const superseded: Record<string, number> = {};
  for (const [name, since] of retired) {
    if (current.has(name) || now() - since > keepOldMs) continue;
    const source = join(from.directory, name);
    if ((await ifThere(lstat(source))) === undefined) continue;
    if (!(await exists(join(directory, name)))) await link(source, join(directory, name));
    superseded[name] = since;
  }
  return superseded;
}

async function finish(
  directory: string,
  repository: string,
  list: PackageList,
  state: GenerationState,
  tools: GenerationTools,
): Promise<void> {
  const repomdPath = join(directory, 'repomd.xml');
  const { signature, certificate } = await tools.sign(await readFile(repomdPath));
  await writeFile(join(directory, 'repomd.xml.asc'), signature);
  await writeFile(join(directory, 'repomd.xml.key'), certificate);
  await writeFile(join(directory, STATE_FILE), JSON.stringify(state));
  await writeFile(join(directory, LIST_FILE), formatPackageList(list));

  // Web caches tell versions apart by time and size, in whole seconds: each generation must be younger than the one before.
  const before = (await ifThere(stat(join(repository, LINK_NAME, 'repomd.xml'))))?.mtimeMs ?? 0;
  const time = Math.max(Math.floor(tools.now() / 1000), Math.floor(before / 1000) + 1);
  for (const name of ['repomd.xml', 'repomd.xml.asc']) await utimes(join(directory, name), time, time);

  const old = new Set(Object.keys(state.superseded));
  for (const name of await readdir(directory)) if (!old.has(name)) await syncFile(join(directory, name));
  await syncDirectory(directory);
}

/** Only its last part: whatever is above belongs to the project, which may be gone. */
async function makeBelow(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
}

async function switchTo(repository: string, directory: string, generation: number): Promise<void> {
  const target = generationDirectory(repository, generation);
  // Left by a process that died between the two renames.
  await removeTree(target);
  await rename(directory, target);
  const linkPath = join(repository, LINK_NAME);
  const there = await ifThere(lstat(linkPath));
  if (there?.isDirectory() === true) await rename(linkPath, generationDirectory(repository, 0));
  const temporary = join(repository, `.${LINK_NAME}-link`);
  await removeTree(temporary);
  await symlink(`.repodata-${generation}`, temporary);
  await syncDirectory(repository);
  await rename(temporary, linkPath);
  await syncDirectory(repository);
}

async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}

/**
 * Removes generations nobody reads any more. Two before the current one stay: a request that has followed the link
 * may not have opened its file yet.
 */
async function removeOldGenerations(repository: string, current: number): Promise<void> {
  for (const name of await readdir(repository)) {
    const number = Number(/^\.repodata-([0-9]+)$/.exec(name)?.[1] ?? Number.POSITIVE_INFINITY);
    if (number < current - 2) await removeTree(join(repository, name));
  }
}
