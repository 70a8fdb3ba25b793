import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { errorMessage, TerminalError } from '../../lib/errors.ts';

const MIN_CHARACTERS = 16;

/** Whether a request with this Authorization header may be answered. */
export type Admission = (authorization: string | undefined) => Promise<boolean>;

/**
 * HTTP Basic with any user name and the password of the file, which is read anew for each request, so that a new
 * password needs no restart. Without a file everybody is let in. Throws TerminalError `PasswordUnusable`.
 */
export async function createAdmission(passwordFile: string | undefined): Promise<Admission> {
  if (passwordFile === undefined) return async () => true;
  await readPassword(passwordFile);
  return async (authorization) => {
    const given = passwordOf(authorization);
    return given !== undefined && equal(given, await readPassword(passwordFile));
  };
}

function passwordOf(authorization = ''): string | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization)?.[1];
  const credentials = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8');
  const colon = credentials.indexOf(':');
  return colon < 0 ? undefined : credentials.slice(colon + 1);
}

async function readPassword(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new TerminalError('PasswordUnusable', `the password cannot be read: ${errorMessage(error)}`);
  });
  const password = text.trim();
  if (password.length >= MIN_CHARACTERS) return password;
  throw new TerminalError(
    'PasswordUnusable',
    `the password in ${file} has ${password.length} characters; give it ${MIN_CHARACTERS} or more`,
  );
}

/** In constant time; digests, because the lengths must not tell either. */
function equal(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
