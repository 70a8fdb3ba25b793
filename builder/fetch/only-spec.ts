import { readdir } from 'node:fs/promises';
import { TerminalError } from '../../lib/errors.ts';

/**
 * The spec file of a checkout: `<package>.spec`, else the only one. That is distgit's rule, too: it imports no source
 * package for which the rule would give another file than was submitted. Rejects with TerminalError `SpecNotFound`.
 */
export async function onlySpec(directory: string, packageName: string): Promise<string> {
  const entries = await readdir(directory, { withFileTypes: true });
  const specs = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.spec')).map((entry) => entry.name);
  const wanted = `${packageName}.spec`;
  if (specs.includes(wanted)) return wanted;
  const [only, ...others] = specs.sort();
  if (only === undefined) throw new TerminalError('SpecNotFound', 'the SRPM contains no spec file');
  if (others.length > 0) {
    throw new TerminalError(
      'SpecNotFound',
      `the SRPM has several spec files (${specs.join(', ')}); name the right one ${wanted}`,
    );
  }
  return only;
}
