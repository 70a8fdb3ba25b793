import { readdir, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { TerminalError } from '../../lib/errors.ts';

/** A path that a user gave, relative to his repository: no way out of it, no options, no absolute paths. */
export function safeRelativePath(path: string, what: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (path.startsWith('/') || parts.includes('..') || /\p{Cc}/u.test(path)) {
    throw new TerminalError('InvalidSource', `${what} "${path}" must be a path inside the repository, without ".."`);
  }
  return parts.join('/');
}

/** Follows links, and rejects with `InvalidSource` when they lead out of `root` or to nothing. */
export async function resolveInside(root: string, path: string, what: string): Promise<string> {
  let real: string;
  try {
    real = await realpath(join(root, safeRelativePath(path, what)));
  } catch (error) {
    if (error instanceof TerminalError) throw error;
    throw new TerminalError('InvalidSource', `${what} "${path}" does not exist in the repository`);
  }
  const inside = relative(await realpath(root), real);
  if (inside === '..' || inside.startsWith(`..${sep}`)) {
    throw new TerminalError('InvalidSource', `${what} "${path}" is a link that leads out of the repository`);
  }
  return real;
}

/**
 * The spec file to build: the named one, else the only one in the directory. Resolves with its path relative to `root`;
 * rejects with TerminalError `SpecNotFound` naming the candidates.
 */
export async function chooseSpec(root: string, subdirectory: string, named: string | undefined): Promise<string> {
  const directory = await resolveInside(root, subdirectory, 'the subdirectory');
  const place = subdirectory === '' ? 'the repository' : `"${subdirectory}"`;
  if (!(await stat(directory)).isDirectory()) {
    throw new TerminalError('InvalidSource', `the subdirectory "${subdirectory}" is not a directory`);
  }
  if (named !== undefined) {
    const wanted = named.endsWith('.spec') ? named : `${named}.spec`;
    const path = await resolveInside(
      root,
      join(subdirectory, safeRelativePath(wanted, 'the spec file')),
      'the spec file',
    );
    if (!(await stat(path)).isFile()) throw new TerminalError('SpecNotFound', `"${wanted}" in ${place} is not a file`);
    return relative(await realpath(root), path);
  }
  const entries = await readdir(directory, { withFileTypes: true });
  const specs = entries
    .filter((entry) => entry.name.endsWith('.spec') && !entry.isDirectory())
    .map((entry) => entry.name);
  const [only, ...others] = specs.sort();
  if (only === undefined) {
    throw new TerminalError('SpecNotFound', `there is no spec file in ${place}; set "subdirectory" or "spec"`);
  }
  if (others.length > 0) {
    const names = specs.slice(0, 10).join(', ');
    throw new TerminalError(
      'SpecNotFound',
      `there are ${specs.length} spec files in ${place} (${names}); set "spec" to one of them`,
    );
  }
  return relative(await realpath(root), await resolveInside(root, join(subdirectory, only), 'the spec file'));
}
