import type { Clock } from '../clock.ts';
import { errorMessage } from '../errors.ts';
import type { Logger } from '../log.ts';
import { dearmor } from '../openpgp/armor.ts';
import type { HashName } from '../openpgp/hash.ts';
import { hashes } from '../openpgp/hash.ts';
import { MalformedPacketError } from '../openpgp/packet.ts';
import { decodeSubpackets, decodeV3Signature, decodeV4Signature, subpacketType } from '../openpgp/signature.ts';
import type { SigndEndpoint } from './exchange.ts';
import { exchange } from './exchange.ts';
import { decodeList, encodeNewRequest, encodePing, FramingError } from './framing.ts';
import type { DigestToSign } from './message.ts';
import {
  formatDigest,
  maxDigestsPerRequest,
  probeDigest,
  temporaryFailure,
  unknownKeyPrefix,
  withHash,
} from './message.ts';

export type { SigndEndpoint } from './exchange.ts';
export type { DigestToSign } from './message.ts';

/** keygen has no key for this identity: have it made (see keygen-client.ts), then ask again. */
export class UnknownKeyError extends Error {
  readonly user: string;
  constructor(user: string) {
    super(`keygen has no key for ${user}`);
    this.name = 'UnknownKeyError';
    this.user = user;
  }
}

/** keygen refused the request. `status` 75 is a passing condition, anything else is final. */
export class SigndError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(`keygen refused: ${message}`);
    this.name = 'SigndError';
    this.status = status;
  }
}

export interface KeyInfo {
  /** 20 bytes. */
  fingerprint: Buffer;
  publicKeyAlgorithm: number;
}

export interface SigndClientOptions {
  endpoint: SigndEndpoint;
  clock: Clock;
  log: Logger;
  /** For one connection from first packet to last, milliseconds; default 15 s. */
  attemptTimeoutMs?: number;
  /** Pauses between attempts, milliseconds; default 1 s, 2 s, 4 s, so at most four attempts. */
  backoffMs?: readonly number[];
}

/**
 * Client of the signd protocol (new form). Connection trouble, unreadable replies and status 75 are tried again after each pause of
 * `backoffMs`, as signing twice is harmless; an unknown key and other refusals are thrown at once.
 */
export class SigndClient {
  readonly #options: Required<SigndClientOptions>;

  constructor(options: SigndClientOptions) {
    this.#options = { attemptTimeoutMs: 15_000, backoffMs: [1_000, 2_000, 4_000], ...options };
  }

  async ping(signal?: AbortSignal): Promise<void> {
    await this.#request(encodePing(), '', signal, (out) => {
      if (out.length !== 0) throw new FramingError('the answer to a ping is not empty');
    });
  }

  /** The armored certificate of `user`, exactly one. Throws UnknownKeyError. */
  async pubkey(user: string, signal?: AbortSignal): Promise<string> {
    return this.#request(command('pubkey', user), user, signal, (out) => {
      const [blob] = decodeBlobs(out, 1);
      const text = (blob ?? Buffer.alloc(0)).toString('utf8');
      dearmor('PUBLIC KEY BLOCK', text);
      return text;
    });
  }

  /**
   * One v3 signature packet per digest, in order. More digests than fit one request go in several, one after the other.
   * Throws UnknownKeyError, SigndError.
   */
  async sign(user: string, hash: HashName, digests: readonly DigestToSign[], signal?: AbortSignal): Promise<Buffer[]> {
    const signatures: Buffer[] = [];
    for (let start = 0; start < digests.length; start += maxDigestsPerRequest) {
      const part = digests.slice(start, start + maxDigestsPerRequest);
      const request = command('sign', withHash(hash, user), ...part.map(formatDigest));
      const packets = await this.#request(request, user, signal, (out) => {
        const blobs = decodeBlobs(out, part.length);
        for (const [index, blob] of blobs.entries()) checkAnswer(blob, hash, part[index]);
        return blobs;
      });
      signatures.push(...packets);
    }
    return signatures;
  }

  /** Algorithm and fingerprint of the key, learned from the protocol's probe. Throws UnknownKeyError. */
  async probe(user: string, hash: HashName = 'SHA256', signal?: AbortSignal): Promise<KeyInfo> {
    const request = command('sign', withHash(hash, user), formatDigest(probeDigest(hash)));
    return this.#request(request, user, signal, (out) => {
      const [blob] = decodeBlobs(out, 1);
      const signature = decodeV4Signature(blob ?? Buffer.alloc(0));
      const issuer = decodeSubpackets(signature.hashed).find((each) => each.type === subpacketType.issuerFingerprint);
      if (issuer?.body.length !== 21 || issuer.body[0] !== 4) {
        throw new MalformedPacketError('the probe of the key names no v4 fingerprint');
      }
      return { fingerprint: Buffer.from(issuer.body.subarray(1)), publicKeyAlgorithm: signature.publicKeyAlgorithm };
    });
  }

  async #request<T>(
    request: Buffer,
    user: string,
    signal: AbortSignal | undefined,
    read: (out: Buffer) => T,
  ): Promise<T> {
    const { endpoint, attemptTimeoutMs, backoffMs, clock, log } = this.#options;
    for (let attempt = 0; ; attempt++) {
      try {
        const reply = await exchange(endpoint, request, attemptTimeoutMs, signal);
        if (reply.status === 0) return read(reply.out);
        if (reply.err.includes(unknownKeyPrefix)) throw new UnknownKeyError(user);
        throw new SigndError(reply.status, reply.err.trim());
      } catch (error) {
        const pause = backoffMs[attempt];
        if (pause === undefined || signal?.aborted === true || isFinal(error)) throw error;
        log.warn(
          { attempt: attempt + 1, pauseMs: pause, error: errorMessage(error) },
          'request to keygen failed, trying again',
        );
        await clock.sleep(pause, signal);
      }
    }
  }
}

function command(...args: string[]): Buffer {
  return encodeNewRequest(args.map((arg) => Buffer.from(arg, 'utf8')));
}

function decodeBlobs(out: Buffer, expected: number): Buffer[] {
  const blobs = decodeList(out);
  if (blobs.length !== expected) throw new FramingError(`bad return count: ${blobs.length}, expected ${expected}`);
  return blobs;
}

/** A reply mixed up by anyone on the way must not end in a package: it has to be about our digest, class and time. */
function checkAnswer(blob: Buffer, hash: HashName, asked: DigestToSign | undefined): void {
  const answer = decodeV3Signature(blob);
  const matches =
    asked !== undefined &&
    answer.hashAlgorithm === hashes[hash].id &&
    answer.time === asked.time &&
    answer.signatureClass === (asked.signatureClass ?? 0) &&
    answer.left16.equals(asked.digest.subarray(0, 2));
  if (!matches) throw new MalformedPacketError('the signature is not for the digest that was sent');
}

function isFinal(error: unknown): boolean {
  if (error instanceof UnknownKeyError) return true;
  return error instanceof SigndError && error.status !== temporaryFailure;
}
