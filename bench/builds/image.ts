import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const CONTAINERFILE = join(import.meta.dirname, '../../images/Containerfile');

export interface OperatorImage {
  /** Of Node. */
  flags: string[];
  environment: Record<string, string>;
}

/** How its image runs the operator, as far as its memory depends on it. */
export async function operatorImage(): Promise<OperatorImage> {
  const text = await readFile(CONTAINERFILE, 'utf8');
  const entrypoint = /^ENTRYPOINT (\[.*operator\.mjs"\])$/m.exec(text)?.[1];
  const arenas = /^ENV MALLOC_ARENA_MAX=(\d+)$/m.exec(text)?.[1];
  if (entrypoint === undefined || arenas === undefined)
    throw new Error(
      `${CONTAINERFILE} does not say how the operator runs: an ENTRYPOINT and MALLOC_ARENA_MAX are missing`,
    );
  return {
    flags: (JSON.parse(entrypoint) as string[]).filter((argument) => argument.startsWith('--')),
    environment: { MALLOC_ARENA_MAX: arenas },
  };
}
