import { run } from '../run.ts';
import { type ControlFields, parseControl } from './control.ts';
import { readTar, type TarEntry } from './tar.ts';

/** What a .deb holds: its control fields, the files dpkg would treat as configuration, and its members. */
export interface DebPackage {
  control: ControlFields;
  conffiles: ReadonlySet<string>;
  entries: TarEntry[];
}

/** Reads a .deb through dpkg-deb, in memory, nothing is unpacked to disk. */
export async function readDeb(file: string): Promise<DebPackage> {
  const [control, entries] = await Promise.all([
    run('dpkg-deb', ['--ctrl-tarfile', file]),
    run('dpkg-deb', ['--fsys-tarfile', file]),
  ]);
  const members = new Map(readTar(control).map((entry) => [entry.path, entry.data.toString('utf8')]));
  const conffiles = (members.get('/conffiles') ?? '').split('\n').filter((line) => line.startsWith('/'));
  return {
    control: parseControl(members.get('/control') ?? ''),
    conffiles: new Set(conffiles),
    entries: readTar(entries),
  };
}
