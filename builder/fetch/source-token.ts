import { readFile } from 'node:fs/promises';

/** What may stand in a header after `Bearer`. */
const TOKEN = /^[\w.~+/-]+=*$/;

/**
 * The token that distgit asks for; undefined when there is no such file, as where everybody may read. Rejects for a
 * file that cannot be read or holds something else; the content is in no error.
 */
export async function readSourceToken(path: string): Promise<string | undefined> {
  let token: string;
  try {
    token = (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  if (!TOKEN.test(token)) throw new Error(`the file ${path} must hold a bearer token and nothing else`);
  return token;
}
