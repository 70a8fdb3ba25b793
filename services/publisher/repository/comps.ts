import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { readIfThere, removeFile, writeFileIfChanged } from '../../../lib/durable.ts';

/** Groups of packages that a project describes, beside the repositories they belong to, as in Copr. */
export const COMPS_FILE = 'comps.xml';

/** What the next metadata of a chroot shows; undefined for none. */
export async function readComps(chrootDirectory: string): Promise<string | undefined> {
  return (await readIfThere(join(chrootDirectory, COMPS_FILE)))?.toString('utf8');
}

/** To be called alone in the project. An empty text is none. */
export async function writeComps(chrootDirectory: string, comps: string | undefined): Promise<void> {
  const path = join(chrootDirectory, COMPS_FILE);
  if (comps === undefined || comps.trim() === '') await removeFile(path);
  else await writeFileIfChanged(path, comps);
}

/** Kept with a generation, hidden from the web server: clients fetch what createrepo_c makes of it. */
export const SHOWN_COMPS_FILE = '.comps.xml';

/** What the metadata in this directory was made with. */
export async function shownComps(directory: string): Promise<string | undefined> {
  return (await readIfThere(join(directory, SHOWN_COMPS_FILE)))?.toString('utf8');
}

export function digestOf(comps: string | undefined): string | undefined {
  return comps === undefined ? undefined : createHash('sha256').update(comps).digest('hex');
}
