import { createHash, randomBytes } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readKey } from 'openpgp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TerminalError } from '../../lib/errors.ts';
import type { NewKeySpec } from './key-store.ts';
import { DamagedKeyError, KeyStore } from './key-store.ts';
import { readMasterKey, verifyMasterKey } from './master-key.ts';

const masterKey = randomBytes(32);
const now = Date.UTC(2026, 0, 31, 12);
const clock = { now: () => now, monotonic: () => 0, sleep: async () => {} };
let dataDirectory = '';

beforeEach(() => {
  dataDirectory = mkdtempSync(join(tmpdir(), 'kopr-keys-'));
});

afterEach(() => {
  rmSync(dataDirectory, { recursive: true, force: true });
});

const open = (key = masterKey): Promise<KeyStore> => KeyStore.open({ dataDirectory, masterKey: key, clock });
const spec = (identity: string): NewKeySpec => ({
  identity,
  userId: `n <${identity}>`,
  bits: 2048,
  requestedBy: 'test',
});
const directoryOf = (identity: string): string =>
  join(dataDirectory, 'keys', createHash('sha256').update(identity).digest('hex'));
const alice = 'alice#hello@copr.test';

describe('key store', () => {
  it('makes one key for any number of concurrent requests', async () => {
    const store = await open();
    const results = await Promise.all(Array.from({ length: 10 }, () => store.create(spec(alice))));
    expect(results.filter((result) => result.created)).toHaveLength(1);
    expect(new Set(results.map((result) => result.key.fingerprint.toString('hex'))).size).toBe(1);
    expect(readdirSync(join(dataDirectory, 'keys'))).toHaveLength(1);
    expect(store.count).toBe(1);
  });

  it('makes one key even when two processes share the volume', async () => {
    const stores = await Promise.all([open(), open(), open()]);
    const results = await Promise.all(stores.map((store) => store.create(spec(alice))));
    expect(results.filter((result) => result.created)).toHaveLength(1);
    expect(new Set(results.map((result) => result.key.fingerprint.toString('hex'))).size).toBe(1);
    expect(readdirSync(join(dataDirectory, 'keys'))).toHaveLength(1);
  });

  it('finds the key again after a restart, with the certificate unchanged', async () => {
    const { key } = await (await open()).create(spec(alice));
    const found = await (await open()).find(alice);
    expect(found?.certificate).toBe(key.certificate);
    expect(found?.privateKey.export({ format: 'jwk' })).toEqual(key.privateKey.export({ format: 'jwk' }));
  });

  it('looks keys up by the exact identity, never by a part of it', async () => {
    const store = await open();
    const names = ['xfoo#bar@copr.test', 'foo#bar@copr.test', '@foo#bar@copr.test', 'foo#bar@copr.testing'];
    const made = await Promise.all(names.map((name) => store.create(spec(name))));
    for (const [index, name] of names.entries()) {
      expect((await store.find(name))?.fingerprint).toEqual(made[index]?.key.fingerprint);
    }
    for (const name of ['oo#bar@copr.test', 'foo#bar@copr.tes', 'FOO#bar@copr.test', '', 'foo#bar@copr.test ', '*']) {
      expect(await store.find(name)).toBeUndefined();
    }
  });

  it('writes a certificate that OpenPGP.js accepts, created a little in the past', async () => {
    const { key } = await (await open()).create({ ...spec(alice), expiresAfter: 86_400 });
    const read = await readKey({ armoredKey: key.certificate });
    await read.verifyPrimaryKey(new Date(now));
    expect(read.getFingerprint()).toBe(key.fingerprint.toString('hex'));
    expect(read.getUserIDs()).toEqual([`n <${alice}>`]);
    expect(read.subkeys).toEqual([]);
    expect(read.getCreationTime().getTime()).toBe(now - 300_000);
    expect(await read.getExpirationTime()).toEqual(new Date(now - 300_000 + 86_400_000));
  });

  it('leaves nothing readable of the private key on the disk, and only to its owner', async () => {
    const { key } = await (await open()).create(spec(alice));
    const file = join(directoryOf(alice), 'key.json');
    const text = readFileSync(file, 'utf8');
    const { d = '', p = '' } = key.privateKey.export({ format: 'jwk' });
    expect(text).not.toContain(d);
    expect(text).not.toContain(Buffer.from(p, 'base64url').toString('base64'));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(directoryOf(alice)).mode & 0o777).toBe(0o700);
  });

  it('keeps few decrypted keys in memory and reads the others again', async () => {
    const store = await KeyStore.open({ dataDirectory, masterKey, clock, cacheSize: 1 });
    const one = await store.create(spec(alice));
    await store.create(spec('bob#hello@copr.test'));
    const again = await store.find(alice);
    expect(again).not.toBe(one.key);
    expect(again?.fingerprint).toEqual(one.key.fingerprint);
    expect(await store.find(alice)).toBe(again);
  });

  it('removes what an interrupted creation left', async () => {
    mkdirSync(join(dataDirectory, 'keys', '.new-1234'), { recursive: true });
    writeFileSync(join(dataDirectory, 'keys', '.new-1234', 'key.json'), '{');
    const store = await open();
    expect(readdirSync(join(dataDirectory, 'keys'))).toEqual([]);
    expect(store.count).toBe(0);
  });

  it('creates nothing when the record of it cannot be written', async () => {
    let full = true;
    const onCreate = async (): Promise<void> => {
      if (full) throw new Error('disk full');
    };
    const store = await KeyStore.open({ dataDirectory, masterKey, clock, onCreate });
    await expect(store.create(spec(alice))).rejects.toThrow('disk full');
    expect(readdirSync(join(dataDirectory, 'keys'))).toEqual([]);
    full = false;
    expect((await store.create(spec(alice))).created).toBe(true);
  });

  it.each<[string, (path: string) => void]>([
    ['another identity’s directory', (path) => renameSync(path, directoryOf('bob#hello@copr.test'))],
    ['no private key', (path) => rmSync(join(path, 'key.json'))],
    ['no certificate', (path) => rmSync(join(path, 'public.asc'))],
    [
      'neither',
      (path) => {
        rmSync(path, { recursive: true });
        mkdirSync(path);
      },
    ],
    ['garbage', (path) => writeFileSync(join(path, 'key.json'), '{"version":1}')],
    [
      'a relabelled key',
      (path) => {
        const file = join(path, 'key.json');
        writeFileSync(file, readFileSync(file, 'utf8').replace(alice, 'bob#hello@copr.test'));
        renameSync(path, directoryOf('bob#hello@copr.test'));
      },
    ],
  ])('refuses %s and never makes another key instead', async (_name, damage) => {
    await (await open()).create(spec(alice));
    damage(directoryOf(alice));
    const [moved] = readdirSync(join(dataDirectory, 'keys'));
    const identity = directoryOf(alice).endsWith(moved ?? '') ? alice : 'bob#hello@copr.test';
    const store = await open();
    await expect(store.find(identity)).rejects.toThrow(DamagedKeyError);
    await expect(store.create(spec(identity))).rejects.toThrow(DamagedKeyError);
    expect(readdirSync(join(dataDirectory, 'keys'))).toHaveLength(1);
  });

  it('refuses a certificate that belongs to another key', async () => {
    const store = await open();
    await store.create(spec(alice));
    const bob = await store.create(spec('bob#hello@copr.test'));
    writeFileSync(join(directoryOf(alice), 'public.asc'), bob.key.certificate);
    await expect((await open()).find(alice)).rejects.toThrow('public.asc is another key');
  });
});

describe('master key', () => {
  it('must be the one of the first start', async () => {
    await verifyMasterKey(dataDirectory, masterKey);
    await verifyMasterKey(dataDirectory, masterKey);
    await expect(verifyMasterKey(dataDirectory, randomBytes(32))).rejects.toThrow('restore the former master key');
    expect(readdirSync(dataDirectory)).toEqual(['master-key-check.json']);
  });

  it('is settled by one of several processes that start together', async () => {
    const keys = [masterKey, randomBytes(32), randomBytes(32)];
    const results = await Promise.allSettled(keys.map((key) => verifyMasterKey(dataDirectory, key)));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });

  it('is not taken on trust when there are keys but no check', async () => {
    await (await open()).create(spec(alice));
    await expect(verifyMasterKey(dataDirectory, masterKey)).rejects.toThrow('master-key-check.json is missing');
  });

  it('with a damaged check is refused', async () => {
    writeFileSync(join(dataDirectory, 'master-key-check.json'), '{"version":2}');
    await expect(verifyMasterKey(dataDirectory, masterKey)).rejects.toThrow('is damaged');
  });

  it('must be there and long enough', async () => {
    const path = join(dataDirectory, 'master.key');
    await expect(readMasterKey(path)).rejects.toThrow('mount it and set KOPR_MASTER_KEY_FILE');
    writeFileSync(path, randomBytes(31));
    await expect(readMasterKey(path)).rejects.toThrow(TerminalError);
    writeFileSync(path, masterKey);
    expect(await readMasterKey(path)).toEqual(masterKey);
  });

  it('that is wrong opens no key', async () => {
    await (await open()).create(spec(alice));
    const store = await open(randomBytes(32));
    await expect(store.find(alice)).rejects.toThrow('does not open with the master key');
  });
});
