import { createHash } from 'node:crypto';
import { decodePackets, encodeMpi, encodePacket, MalformedPacketError, packetTag } from './packet.ts';
import { uint32 } from './signature.ts';

export const publicKeyAlgorithm = { rsa: 1 } as const;

/** Body of a v4 RSA public-key packet. `modulus` and `exponent` are big-endian; `created` is in seconds since the epoch. */
export function rsaPublicKeyBody(modulus: Buffer, exponent: Buffer, created: number): Buffer {
  return Buffer.concat([
    Buffer.from([4]),
    uint32(created),
    Buffer.from([publicKeyAlgorithm.rsa]),
    encodeMpi(modulus),
    encodeMpi(exponent),
  ]);
}

/** What is hashed wherever a v4 key is: its body with a two-byte length in front (RFC 4880, 5.2.4). */
export function hashablePublicKey(body: Buffer): Buffer {
  return encodePacket(packetTag.publicKey, body, true);
}

/** The 20-byte fingerprint of a v4 public-key packet body. */
export function fingerprintOf(body: Buffer): Buffer {
  return createHash('sha1').update(hashablePublicKey(body)).digest();
}

export interface Certificate {
  /** 20 bytes. */
  fingerprint: Buffer;
  publicKeyAlgorithm: number;
  /** Seconds since the epoch. */
  created: number;
  userIds: string[];
}

/** The facts of a binary certificate. Throws MalformedPacketError unless it is exactly one v4 certificate. */
export function readCertificate(data: Buffer): Certificate {
  const packets = decodePackets(data);
  const [first] = packets;
  const keys = packets.filter((packet) => packet.tag === packetTag.publicKey);
  if (first === undefined || first.tag !== packetTag.publicKey || keys.length !== 1) {
    throw new MalformedPacketError(`expected exactly one public key, found ${keys.length}`);
  }
  if (first.body.length < 6 || first.body[0] !== 4) throw new MalformedPacketError('the public key is not a v4 key');
  return {
    fingerprint: fingerprintOf(first.body),
    publicKeyAlgorithm: first.body.readUInt8(5),
    created: first.body.readUInt32BE(1),
    userIds: packets.filter((packet) => packet.tag === packetTag.userId).map((packet) => packet.body.toString('utf8')),
  };
}
