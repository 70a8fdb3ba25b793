import { randomBytes, randomUUID } from 'node:crypto';
import { link, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { syncDirectory, writeNewFile } from '../../lib/durable.ts';
import { errorCode, errorMessage, TerminalError } from '../../lib/errors.ts';
import { parseJson } from '../../lib/json.ts';
import { masterKeyCheck, matchesCheck } from './seal.ts';

const minLength = 32;
const checkFile = 'master-key-check.json';
const checkSchema = z.strictObject({ version: z.literal(1), salt: z.hex(), check: z.hex() });

/** Reads the master key. Throws TerminalError when the file cannot be read or is too short. */
export async function readMasterKey(path: string): Promise<Buffer> {
  let key: Buffer;
  try {
    key = await readFile(path);
  } catch (error) {
    throw new TerminalError(
      'MasterKeyMissing',
      `the master key cannot be read: ${errorMessage(error)}; mount it and set KOPR_MASTER_KEY_FILE`,
    );
  }
  if (key.length < minLength) {
    throw new TerminalError(
      'MasterKeyTooShort',
      `the master key in ${path} has ${key.length} bytes; at least ${minLength} random bytes are needed`,
    );
  }
  return key;
}

/**
 * Makes sure that `masterKey` is the one this data directory was started with, and remembers it (as a salted check value) on the first start.
 * A service that went on with a wrong one could open no key and would be tempted to make every project a new one.
 */
export async function verifyMasterKey(dataDirectory: string, masterKey: Buffer): Promise<void> {
  const path = join(dataDirectory, checkFile);
  const known = await readCheck(path);
  if (known !== undefined) {
    if (matchesCheck(masterKey, Buffer.from(known.salt, 'hex'), known.check)) return;
    throw new TerminalError(
      'WrongMasterKey',
      `the master key is not the one the keys in ${dataDirectory} are encrypted under; restore the former master key`,
    );
  }
  const keys = await readdir(join(dataDirectory, 'keys')).catch(() => []);
  if (keys.some((name) => !name.startsWith('.'))) {
    throw new TerminalError(
      'MasterKeyCheckMissing',
      `${dataDirectory} holds keys but ${checkFile} is missing; restore the directory as a whole from its backup`,
    );
  }
  const salt = randomBytes(32);
  const check = { version: 1, salt: salt.toString('hex'), check: masterKeyCheck(masterKey, salt) };
  const temporary = `${path}.new-${randomUUID()}`;
  await writeNewFile(temporary, `${JSON.stringify(check)}\n`, 0o600);
  try {
    // link, unlike rename, does not replace the check of another process that starts at the same moment.
    await link(temporary, path);
    await syncDirectory(dataDirectory);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    await verifyMasterKey(dataDirectory, masterKey);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function readCheck(path: string): Promise<z.infer<typeof checkSchema> | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const parsed = checkSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new TerminalError(
      'MasterKeyCheckDamaged',
      `${path} is damaged; restore it from the backup of the data directory`,
    );
  }
  return parsed.data;
}
