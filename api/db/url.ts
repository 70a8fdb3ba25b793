import { readFileSync } from 'node:fs';
import { TerminalError } from '../../lib/errors.ts';

/**
 * The address of the database, given itself or as the name of a file that holds it. Never part of a message: it has the
 * password in it.
 * @throws TerminalError `BadConfiguration`
 */
export function databaseURL(settings: { url?: string | undefined; file?: string | undefined }): string {
  const text = (settings.url ?? (settings.file === undefined ? '' : read(settings.file))).trim();
  if (/^postgres(ql)?:\/\/\S+$/.test(text)) return text;
  const where = settings.url === undefined ? 'the file of KOPR_DATABASE_URL_FILE' : 'KOPR_DATABASE_URL';
  throw new TerminalError(
    'BadConfiguration',
    text === ''
      ? 'the address of the database is not known: set KOPR_DATABASE_URL or KOPR_DATABASE_URL_FILE'
      : `${where} must hold an address such as postgres://user:password@host:5432/kopr`,
  );
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new TerminalError('BadConfiguration', `cannot read ${file}, which KOPR_DATABASE_URL_FILE names`);
  }
}
