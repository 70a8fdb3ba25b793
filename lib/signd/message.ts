import type { HashName } from '../openpgp/hash.ts';
import { hashes, isHashName } from '../openpgp/hash.ts';

/** The textual part of the protocol: `[HASH:]user`, `<hex digest>@<class><time>`. */

/** A digest to be signed: it is signed as it is, so the trailer (see lib/openpgp/signature.ts) is already hashed into it. */
export interface DigestToSign {
  digest: Buffer;
  /** Seconds since the epoch, copied into the signature. */
  time: number;
  /** 0 binary document (default), 1 text document. */
  signatureClass?: number;
}

/** Digests in one `sign` request; at RSA-4096 the reply then still fits its 16-bit length. */
export const maxDigestsPerRequest = 100;

/** Status of a refusal that may succeed when asked again; everything else is final. */
export const temporaryFailure = 75;

/** The exact beginning by which clients recognise that a key must be made first. */
export const unknownKeyPrefix = 'unknown key: ';

/** SHA1 is the protocol's default and has no prefix. */
export function withHash(hash: HashName, text: string): string {
  return hash === 'SHA1' ? text : `${hash}:${text}`;
}

/** Splits `[HASH:]rest` at the first colon. A prefix that is no known hash is the caller's error: `hash` is then undefined. */
export function splitHash(text: string): { hash: HashName | undefined; rest: string } {
  const colon = text.indexOf(':');
  if (colon < 0) return { hash: 'SHA1', rest: text };
  const prefix = text.slice(0, colon);
  return { hash: isHashName(prefix) ? prefix : undefined, rest: text.slice(colon + 1) };
}

export function formatDigest({ digest, time, signatureClass = 0 }: DigestToSign): string {
  return `${digest.toString('hex')}@${hex(signatureClass, 2)}${hex(time, 8)}`;
}

/** Reads `<hex>@<class><time>`; undefined when the text is not of that form or the digest has not the length of `hash`. */
export function parseDigest(hash: HashName, text: string): Required<DigestToSign> | undefined {
  const match = /^([0-9a-fA-F]+)@([0-9a-fA-F]{2})([0-9a-fA-F]{8})$/.exec(text);
  const [, digest = '', signatureClass = '', time = ''] = match ?? [];
  if (match === null || digest.length !== 2 * hashes[hash].length) return undefined;
  return {
    digest: Buffer.from(digest, 'hex'),
    time: Number.parseInt(time, 16),
    signatureClass: Number.parseInt(signatureClass, 16),
  };
}

/** The digest by which a client asks for the key's algorithm and fingerprint: nothing but `04`, class and time zero. */
export function probeDigest(hash: HashName): DigestToSign {
  return { digest: Buffer.alloc(hashes[hash].length, 4), time: 0, signatureClass: 0 };
}

export function isProbe(request: Required<DigestToSign>): boolean {
  return request.time === 0 && request.signatureClass === 0 && request.digest.every((byte) => byte === 4);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
