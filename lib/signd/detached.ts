import type { Hash } from 'node:crypto';
import { createHash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { HashName } from '../openpgp/hash.ts';
import { hashes } from '../openpgp/hash.ts';
import { decodeV3Signature, hashedArea, keyIdOf, transcodeToV4, v4Trailer } from '../openpgp/signature.ts';
import type { KeyInfo, SigndClient } from './client.ts';

/** Data to be signed: bytes, or a function that makes the stream (called again if the key turns out to have changed). */
export type Signable = Buffer | (() => AsyncIterable<Uint8Array>);

export interface SignOptions {
  /** Default SHA256. */
  hash?: HashName;
  /** Seconds since the epoch; default now. */
  time?: number;
  signal?: AbortSignal;
}

const maxCachedKeys = 1_000;

/**
 * Makes binary detached v4 signatures as `sign -4` does: hash the data and the v4 trailer here, have the digest signed, transcode the answer.
 * Key facts are remembered per user, so a signature costs one connection after the first.
 */
export class DetachedSigner {
  readonly #client: SigndClient;
  readonly #clock: Clock;
  readonly #keys = new Map<string, KeyInfo>();

  constructor(client: SigndClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** The signature packet over `data`. Throws UnknownKeyError, SigndError, or what the stream throws. */
  async sign(user: string, data: Signable, options: SignOptions = {}): Promise<Buffer> {
    const [signature] = await this.signAll(user, [data], options);
    if (signature === undefined) throw new Error('keygen returned no signature');
    return signature;
  }

  /** One signature packet per item, in order, with one request per hundred of them. */
  async signAll(user: string, items: readonly Signable[], options: SignOptions = {}): Promise<Buffer[]> {
    if (items.length === 0) return [];
    const hash = options.hash ?? 'SHA256';
    const time = options.time ?? Math.floor(this.#clock.now() / 1000);
    // A remembered key may have been replaced since: the issuer of the answers tells, and the second round asks anew.
    for (let round = 0; round < 2; round++) {
      const key = await this.#keyOf(user, hash, options.signal);
      const trailer = v4Trailer({
        signatureClass: 0,
        publicKeyAlgorithm: key.publicKeyAlgorithm,
        hashAlgorithm: hashes[hash].id,
        hashed: hashedArea(key.fingerprint, time),
      });
      const digests: Buffer[] = [];
      for (const item of items) digests.push(await digestOf(item, hash, trailer));
      const requests = digests.map((digest) => ({ digest, time }));
      const answers = (await this.#client.sign(user, hash, requests, options.signal)).map(decodeV3Signature);
      if (answers.every((answer) => answer.issuer.equals(keyIdOf(key.fingerprint)))) {
        return answers.map((answer) => transcodeToV4(answer, key.fingerprint));
      }
      this.#keys.delete(user);
    }
    throw new Error(`the key of ${user} changed twice while it was signing`);
  }

  async #keyOf(user: string, hash: HashName, signal: AbortSignal | undefined): Promise<KeyInfo> {
    const known = this.#keys.get(user);
    if (known !== undefined) return known;
    const key = await this.#client.probe(user, hash, signal);
    if (this.#keys.size >= maxCachedKeys) this.#keys.clear();
    this.#keys.set(user, key);
    return key;
  }
}

async function digestOf(item: Signable, hash: HashName, trailer: Buffer): Promise<Buffer> {
  const hasher: Hash = createHash(hashes[hash].node);
  if (Buffer.isBuffer(item)) hasher.update(item);
  else for await (const chunk of item()) hasher.update(chunk);
  return hasher.update(trailer).digest();
}
