/** The hash algorithms that may appear in a signature, under the names the signd protocol uses. */
export const hashNames = ['SHA1', 'SHA256', 'SHA512'] as const;
export type HashName = (typeof hashNames)[number];

export interface HashAlgorithm {
  /** OpenPGP id (RFC 4880, 9.4). */
  readonly id: number;
  /** Name for `node:crypto`. */
  readonly node: string;
  /** Digest length in bytes. */
  readonly length: number;
  /** DER of a PKCS#1 `DigestInfo` up to the digest itself. */
  readonly digestInfoPrefix: Buffer;
}

export const hashes: Readonly<Record<HashName, HashAlgorithm>> = {
  SHA1: { id: 2, node: 'sha1', length: 20, digestInfoPrefix: Buffer.from('3021300906052b0e03021a05000414', 'hex') },
  SHA256: {
    id: 8,
    node: 'sha256',
    length: 32,
    digestInfoPrefix: Buffer.from('3031300d060960864801650304020105000420', 'hex'),
  },
  SHA512: {
    id: 10,
    node: 'sha512',
    length: 64,
    digestInfoPrefix: Buffer.from('3051300d060960864801650304020305000440', 'hex'),
  },
};

export function isHashName(text: string): text is HashName {
  return (hashNames as readonly string[]).includes(text);
}

/** The name of an OpenPGP hash id, or undefined for one we never sign with. */
export function hashNameOf(id: number): HashName | undefined {
  return hashNames.find((name) => hashes[name].id === id);
}
