import { open, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { ifThere, readIfThere } from '../../../lib/durable.ts';
import { parseJson } from '../../../lib/json.ts';
import { type PackageList, parsePackageList } from './package-list.ts';
import { announcedPackages, type MetadataFile, parseRepomd } from './repomd.ts';

/**
 * A generation is a directory `.repodata-<n>` in the directory of the repository, complete before it is visible; `repodata` is a symbolic
 * link to the current one. Besides the metadata it has hidden files: the state below, the list of packages, and the groups it was made with.
 */
export const LINK_NAME = 'repodata';
export const STATE_FILE = '.state.json';
export const LIST_FILE = '.packages';

export const generationState = z.object({
  generation: z.int().min(1),
  packages: z.int().min(0),
  /** Metadata files of earlier generations that are still here, with the time (ms) at which they went out of use. */
  superseded: z.record(z.string(), z.number()),
  /** SHA-256 of the groups of packages it shows. */
  comps: z.string().optional(),
  /** See ProjectSettings: the last devel mode of whose packages it has all (`public`), or that it is of (`devel`). */
  period: z.string().optional(),
  /** The last request to make it anew that is done. */
  regenerated: z.string().optional(),
});
export type GenerationState = z.infer<typeof generationState>;

export interface Generation extends GenerationState {
  directory: string;
  /** Files the current repomd.xml refers to. */
  files: MetadataFile[];
  list: PackageList;
}

export function generationDirectory(repository: string, generation: number): string {
  return join(repository, `.repodata-${generation}`);
}

/** Number of the generation the link points to; 0 when there is none. */
export async function currentNumber(repository: string): Promise<number> {
  let target: string | undefined;
  try {
    target = await ifThere(readlink(join(repository, LINK_NAME)));
  } catch {
    // A directory of another program's making: it has no number, and the next generation replaces it.
    return 0;
  }
  return Number(/^\.repodata-([0-9]{1,9})$/.exec(target ?? '')?.[1] ?? 0);
}

/** State of the current generation without a look at the rest; undefined when there is none that is usable. */
export async function readState(repository: string): Promise<GenerationState | undefined> {
  const number = await currentNumber(repository);
  const bytes = number === 0 ? undefined : await readIfThere(join(generationDirectory(repository, number), STATE_FILE));
  const state = bytes === undefined ? undefined : generationState.safeParse(parseJson(bytes.toString('utf8')));
  return state?.success === true && state.data.generation === number ? state.data : undefined;
}

/** The current generation, or undefined when there is none or its parts do not fit together: then only the disk tells the truth. */
export async function readGeneration(repository: string): Promise<Generation | undefined> {
  const state = await readState(repository);
  if (state === undefined) return undefined;
  const directory = generationDirectory(repository, state.generation);
  const list = parsePackageList((await readIfThere(join(directory, LIST_FILE)))?.toString('utf8') ?? ' ');
  const repomd = await readIfThere(join(directory, 'repomd.xml'));
  if (list === undefined || repomd === undefined || list.size !== state.packages) return undefined;
  try {
    const files = parseRepomd(repomd.toString('utf8'));
    for (const file of files) if ((await stat(join(directory, file.name))).size !== file.size) return undefined;
    return { ...state, directory, files, list };
  } catch {
    return undefined;
  }
}

/** How many packages the metadata in `directory` is about, by its own account. */
export async function countPackages(directory: string, files: readonly MetadataFile[]): Promise<number> {
  const primary = files.find((file) => file.type === 'primary');
  if (primary === undefined) throw new Error('repomd.xml has no primary metadata');
  await using file = await open(join(directory, primary.name), 'r');
  let text = '';
  const plain = file.createReadStream({ autoClose: false }).pipe(createGunzip());
  for await (const chunk of plain) {
    text += String(chunk);
    if (text.length >= 4096) break;
  }
  return announcedPackages(text);
}

/** Paths of the packages in the metadata, all of it read. */
export async function readLocations(directory: string, files: readonly MetadataFile[]): Promise<Set<string>> {
  const primary = files.find((file) => file.type === 'primary');
  if (primary === undefined) throw new Error('repomd.xml has no primary metadata');
  await using file = await open(join(directory, primary.name), 'r');
  const lines = createInterface({ input: file.createReadStream({ autoClose: false }).pipe(createGunzip()) });
  const paths = new Set<string>();
  for await (const line of lines) {
    const path = /<location href="(?:\.\.\/)?([^"]+)"/.exec(line)?.[1];
    if (path !== undefined) paths.add(path);
  }
  return paths;
}
