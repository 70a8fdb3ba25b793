import type { KeyObject } from 'node:crypto';
import { createHash, createPrivateKey, randomUUID } from 'node:crypto';
import { access, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { toTimestamp } from '../../lib/clock.ts';
import { renameDurably, syncDirectory, writeNewFile } from '../../lib/durable.ts';
import { errorCode } from '../../lib/errors.ts';
import { parseJson } from '../../lib/json.ts';
import { Semaphore } from '../../lib/locks.ts';
import { dearmor } from '../../lib/openpgp/armor.ts';
import { readCertificate } from '../../lib/openpgp/key.ts';
import type { NewKey } from './new-key.ts';
import { makeKey } from './new-key.ts';
import { seal, sealedSchema, unseal } from './seal.ts';

/**
 * The keys on disk: `keys/<sha256 of the identity>/{key.json,public.asc}`. A key is prepared in `keys/.new-<uuid>` and gets its name in one
 * rename, which fails when the identity has a key already; so there is never half a key and never a second one. Lookup is by the exact
 * identity: the directory name is its hash, and the identity is stored, compared and authenticated.
 */

const keyFileSchema = z.strictObject({
  version: z.literal(1),
  identity: z.string(),
  fingerprint: z.hex().length(40),
  created: z.string(),
  algorithm: z.literal('rsa'),
  /** PKCS#8 DER. */
  privateKey: sealedSchema,
});

export interface SigningKey {
  identity: string;
  /** 20 bytes. */
  fingerprint: Buffer;
  /** One armored certificate. */
  certificate: string;
  privateKey: KeyObject;
}

/** A key that exists and cannot be used. Never a reason to make another one. */
export class DamagedKeyError extends Error {
  constructor(identity: string, reason: string) {
    super(`the key of ${identity} is damaged (${reason}); restore it from the backup of keygen`);
    this.name = 'DamagedKeyError';
  }
}

export interface NewKeySpec {
  identity: string;
  userId: string;
  bits: number;
  /** Seconds; 0 or absent means never. */
  expiresAfter?: number;
  /** Who asked, for the audit log. */
  requestedBy: string;
}

export interface KeyStoreOptions {
  dataDirectory: string;
  masterKey: Buffer;
  clock: Clock;
  /** Decrypted keys held in memory. */
  cacheSize?: number;
  /** Called with a new key before it becomes visible; when it rejects, the key is not created. */
  onCreate?: (key: SigningKey, requestedBy: string) => Promise<void>;
}

/**
 * RSA generation occupies a thread of Node's pool for about a second, and file operations share the pool's four threads: more than two at a
 * time would make every signature wait for its audit record.
 */
const parallelGenerations = 2;
const maxWaitingGenerations = 500;
/** The clocks of signer and publisher differ a little, and a signature older than its key is invalid. */
const backdateSeconds = 300;
const temporaryPrefix = '.new-';

export class KeyStore {
  readonly #options: Required<KeyStoreOptions>;
  readonly #directory: string;
  readonly #cache = new Map<string, SigningKey>();
  readonly #creating = new Map<string, Promise<{ key: SigningKey; created: boolean }>>();
  readonly #generations = new Semaphore(parallelGenerations, {
    maxWaiting: maxWaitingGenerations,
    what: 'key generation',
  });
  #count = 0;

  private constructor(options: KeyStoreOptions) {
    this.#options = { cacheSize: 500, onCreate: async () => {}, ...options };
    this.#directory = join(options.dataDirectory, 'keys');
  }

  /** Opens the store and removes what creations left behind that a crash interrupted. */
  static async open(options: KeyStoreOptions): Promise<KeyStore> {
    const store = new KeyStore(options);
    await mkdir(store.#directory, { recursive: true, mode: 0o700 });
    await syncDirectory(options.dataDirectory);
    const names = await readdir(store.#directory);
    for (const name of names.filter((each) => each.startsWith(temporaryPrefix))) {
      await rm(join(store.#directory, name), { recursive: true, force: true });
    }
    store.#count = names.filter((name) => !name.startsWith('.')).length;
    return store;
  }

  /** How many identities have a key. */
  get count(): number {
    return this.#count;
  }

  /** The key of exactly this identity, or undefined when it has none. Throws DamagedKeyError. */
  async find(identity: string): Promise<SigningKey | undefined> {
    const cached = this.#cache.get(identity);
    if (cached !== undefined) {
      this.#remember(cached);
      return cached;
    }
    const key = await this.#load(identity);
    if (key !== undefined) this.#remember(key);
    return key;
  }

  /** The identity's key, made if there is none. Any number of concurrent calls make one key. */
  create(spec: NewKeySpec): Promise<{ key: SigningKey; created: boolean }> {
    const running = this.#creating.get(spec.identity);
    if (running !== undefined) return running.then(({ key }) => ({ key, created: false }));
    const creation = this.#create(spec).finally(() => this.#creating.delete(spec.identity));
    this.#creating.set(spec.identity, creation);
    return creation;
  }

  async #create(spec: NewKeySpec): Promise<{ key: SigningKey; created: boolean }> {
    const existing = await this.find(spec.identity);
    if (existing !== undefined) return { key: existing, created: false };
    const made = await this.#generations.run(() => this.#generate(spec));
    const temporary = await this.#prepare(spec.identity, made);
    try {
      const key = { identity: spec.identity, ...made };
      await this.#options.onCreate(key, spec.requestedBy);
      await renameDurably(temporary, this.#pathOf(spec.identity));
      this.#count++;
      this.#remember(key);
      return { key, created: true };
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      const code = errorCode(error);
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
      // Another process on the same volume (the former pod during a hand-over) was faster: its key is the key.
      const winner = await this.find(spec.identity);
      if (winner === undefined) throw new DamagedKeyError(spec.identity, 'its directory is not readable');
      return { key: winner, created: false };
    }
  }

  #generate(spec: NewKeySpec): Promise<NewKey> {
    const created = Math.floor(this.#options.clock.now() / 1000) - backdateSeconds;
    return makeKey({ userId: spec.userId, bits: spec.bits, created, expiresAfter: spec.expiresAfter ?? 0 });
  }

  /** Writes the key under a temporary name; returns that. */
  async #prepare(identity: string, key: NewKey): Promise<string> {
    const { masterKey, clock } = this.#options;
    const fingerprint = key.fingerprint.toString('hex');
    const plain = key.privateKey.export({ type: 'pkcs8', format: 'der' });
    const record: z.infer<typeof keyFileSchema> = {
      version: 1,
      identity,
      fingerprint,
      created: toTimestamp(clock.now()),
      algorithm: 'rsa',
      privateKey: seal(masterKey, contextOf(identity, fingerprint), plain),
    };
    plain.fill(0);
    const path = join(this.#directory, `${temporaryPrefix}${randomUUID()}`);
    await mkdir(path, { mode: 0o700 });
    try {
      await writeNewFile(join(path, 'key.json'), `${JSON.stringify(record, null, 2)}\n`, 0o600);
      await writeNewFile(join(path, 'public.asc'), key.certificate, 0o600);
      await syncDirectory(path);
    } catch (error) {
      await rm(path, { recursive: true, force: true });
      throw error;
    }
    return path;
  }

  async #load(identity: string, again = false): Promise<SigningKey | undefined> {
    const path = this.#pathOf(identity);
    const text = await readIfThere(join(path, 'key.json'));
    const certificate = await readIfThere(join(path, 'public.asc'));
    if (text === undefined || certificate === undefined) {
      if (!(await exists(path))) return undefined;
      // Either the key appeared between these reads, or files are lost: a loss to be noticed, not an identity without a key.
      if (again) throw new DamagedKeyError(identity, 'a file is missing');
      return this.#load(identity, true);
    }
    const parsed = keyFileSchema.safeParse(parseJson(text));
    if (!parsed.success) throw new DamagedKeyError(identity, 'key.json is not readable');
    const { fingerprint, privateKey: sealed } = parsed.data;
    if (parsed.data.identity !== identity)
      throw new DamagedKeyError(identity, `it is labelled ${parsed.data.identity}`);
    try {
      if (readCertificate(dearmor('PUBLIC KEY BLOCK', certificate)).fingerprint.toString('hex') !== fingerprint) {
        throw new Error('public.asc is another key');
      }
      const plain = unseal(this.#options.masterKey, contextOf(identity, fingerprint), sealed);
      const privateKey = createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' });
      plain.fill(0);
      return { identity, fingerprint: Buffer.from(fingerprint, 'hex'), certificate, privateKey };
    } catch (error) {
      throw new DamagedKeyError(identity, error instanceof Error ? error.message : String(error));
    }
  }

  #pathOf(identity: string): string {
    return join(this.#directory, createHash('sha256').update(identity, 'utf8').digest('hex'));
  }

  #remember(key: SigningKey): void {
    this.#cache.delete(key.identity);
    this.#cache.set(key.identity, key);
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= this.#options.cacheSize) break;
      this.#cache.delete(oldest);
    }
  }
}

function contextOf(identity: string, fingerprint: string): string {
  return JSON.stringify(['kopr keygen private key', 1, identity, fingerprint]);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
