import type { KeyObject } from 'node:crypto';
import { createHash, generateKeyPair, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { armor } from '../../lib/openpgp/armor.ts';
import { hashes } from '../../lib/openpgp/hash.ts';
import { fingerprintOf, hashablePublicKey, publicKeyAlgorithm, rsaPublicKeyBody } from '../../lib/openpgp/key.ts';
import { encodeMpi, encodePacket, packetTag } from '../../lib/openpgp/packet.ts';
import {
  encodeSubpacket,
  encodeV4Signature,
  hashedArea,
  subpacketType,
  uint32,
  unhashedArea,
  v4Trailer,
} from '../../lib/openpgp/signature.ts';

const generate = promisify(generateKeyPair);
const signAsync = promisify(sign);

export interface NewKey {
  /** 20 bytes. */
  fingerprint: Buffer;
  /** One armored certificate: public key, user id, self-signature; no subkeys. */
  certificate: string;
  privateKey: KeyObject;
}

export interface NewKeyOptions {
  userId: string;
  bits: number;
  /** Creation time, seconds since the epoch. */
  created: number;
  /** Seconds after creation; 0 or absent means that the key does not expire. */
  expiresAfter?: number;
}

/**
 * Makes an RSA key with its certificate: v4, sign and certify, no subkeys, the form that every rpm since EL 5 imports. The slow part runs in
 * Node's thread pool.
 */
export async function makeKey(options: NewKeyOptions): Promise<NewKey> {
  const { publicKey, privateKey } = await generate('rsa', { modulusLength: options.bits, publicExponent: 65_537 });
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
  const body = rsaPublicKeyBody(Buffer.from(n, 'base64url'), Buffer.from(e, 'base64url'), options.created);
  const fingerprint = fingerprintOf(body);
  const userId = Buffer.from(options.userId, 'utf8');
  const certificate = Buffer.concat([
    hashablePublicKey(body),
    encodePacket(packetTag.userId, userId),
    await selfSignature(options, body, userId, fingerprint, privateKey),
  ]);
  return { fingerprint, certificate: armor('PUBLIC KEY BLOCK', certificate), privateKey };
}

/** Positive certification (0x13) of the user id by the key itself, with what the key may be used for. */
async function selfSignature(
  options: NewKeyOptions,
  body: Buffer,
  userId: Buffer,
  fingerprint: Buffer,
  privateKey: KeyObject,
): Promise<Buffer> {
  const hashed = Buffer.concat([
    hashedArea(fingerprint, options.created),
    ...(options.expiresAfter ? [encodeSubpacket(subpacketType.keyExpiration, uint32(options.expiresAfter))] : []),
    encodeSubpacket(subpacketType.keyFlags, Buffer.from([0x03])),
    encodeSubpacket(subpacketType.primaryUserId, Buffer.from([1])),
    encodeSubpacket(subpacketType.preferredSymmetric, Buffer.from([9, 8, 7])),
    encodeSubpacket(subpacketType.preferredHash, Buffer.from([10, 9, 8])),
    encodeSubpacket(subpacketType.features, Buffer.from([0x01])),
    encodeSubpacket(subpacketType.keyServerPreferences, Buffer.from([0x80])),
  ]);
  const head = {
    signatureClass: 0x13,
    publicKeyAlgorithm: publicKeyAlgorithm.rsa,
    hashAlgorithm: hashes.SHA256.id,
    hashed,
  };
  const data = Buffer.concat([
    hashablePublicKey(body),
    Buffer.from([0xb4]),
    uint32(userId.length),
    userId,
    v4Trailer(head),
  ]);
  const signature = await signAsync('sha256', data, privateKey);
  return encodeV4Signature({
    ...head,
    unhashed: unhashedArea(fingerprint),
    left16: createHash('sha256').update(data).digest().subarray(0, 2),
    mpis: encodeMpi(signature),
  });
}
