import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../exec.ts';

/** The scripts for the far side. */
export interface Kit {
  /** Made of their content: another version of kopr has another name. */
  name: string;
  /** The one that puts the others there; sent as an argument. */
  bootstrap: string;
  /** All others, as tar. */
  archive: Buffer;
}

const BOOTSTRAP = 'bootstrap.sh';

/** `directory` is builder/machine/far, or where the image has it. */
export async function readKit(directory: string): Promise<Kit> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sh') && name !== BOOTSTRAP).sort();
  const hash = createHash('sha256');
  for (const name of names) hash.update(`${name}\n`).update(await readFile(join(directory, name)));
  return {
    name: `kit-${hash.digest('hex').slice(0, 16)}`,
    bootstrap: await readFile(join(directory, BOOTSTRAP), 'utf8'),
    archive: await pack(directory, names),
  };
}

async function pack(directory: string, names: readonly string[]): Promise<Buffer> {
  const result = await run('tar', ['-C', directory, '--format=ustar', '-cf', '-', '--', ...names], {
    what: 'packing the scripts for the machine',
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
    timeoutMs: 60_000,
  });
  if (result.code !== 0) throw new Error(`the scripts for the machine cannot be packed: ${result.output.slice(-500)}`);
  return Buffer.from(result.stdout);
}
