import { decodeMpis, decodePackets, encodePacket, MalformedPacketError, packetTag } from './packet.ts';

/**
 * Signature packets as the signd protocol uses them: the server answers in v3 form (digest as given, class and time copied) and the
 * client, who hashed the v4 trailer, transcodes the answer to v4. The *probe* answer is a v4 packet.
 */

export interface V3Signature {
  signatureClass: number;
  /** Seconds since the epoch. */
  time: number;
  /** 8 bytes: the end of the fingerprint. */
  issuer: Buffer;
  publicKeyAlgorithm: number;
  hashAlgorithm: number;
  /** The first two bytes of the digest. */
  left16: Buffer;
  /** Algorithm-specific numbers, encoded. */
  mpis: Buffer;
}

export interface V4Signature {
  signatureClass: number;
  publicKeyAlgorithm: number;
  hashAlgorithm: number;
  /** Hashed subpackets, encoded. */
  hashed: Buffer;
  /** Unhashed subpackets, encoded. */
  unhashed: Buffer;
  left16: Buffer;
  mpis: Buffer;
}

export interface Subpacket {
  type: number;
  body: Buffer;
}

export const subpacketType = {
  creationTime: 2,
  keyExpiration: 9,
  preferredSymmetric: 11,
  issuer: 16,
  preferredHash: 21,
  keyServerPreferences: 23,
  primaryUserId: 25,
  keyFlags: 27,
  features: 30,
  issuerFingerprint: 33,
} as const;

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** One subpacket with a one-byte length; `body` is shorter than 191 bytes. */
export function encodeSubpacket(type: number, body: Buffer): Buffer {
  if (body.length > 190) throw new MalformedPacketError(`a subpacket of ${body.length} bytes is too long to write`);
  return Buffer.concat([Buffer.from([body.length + 1, type]), body]);
}

/** The hashed area of every detached signature: issuer fingerprint and time, 29 bytes for a v4 key, the same bytes the `sign` client writes. */
export function hashedArea(fingerprint: Buffer, time: number): Buffer {
  return Buffer.concat([
    encodeSubpacket(subpacketType.issuerFingerprint, Buffer.concat([Buffer.from([4]), fingerprint])),
    encodeSubpacket(subpacketType.creationTime, uint32(time)),
  ]);
}

export function unhashedArea(fingerprint: Buffer): Buffer {
  return encodeSubpacket(subpacketType.issuer, keyIdOf(fingerprint));
}

/** The 8-byte key id of a v4 fingerprint. */
export function keyIdOf(fingerprint: Buffer): Buffer {
  return fingerprint.subarray(fingerprint.length - 8);
}

/** What is hashed after the data for a v4 signature: the packet up to the hashed area, then `04 ff` and its length. */
export function v4Trailer(
  signature: Pick<V4Signature, 'signatureClass' | 'publicKeyAlgorithm' | 'hashAlgorithm' | 'hashed'>,
): Buffer {
  const head = v4Head(signature);
  return Buffer.concat([head, Buffer.from([4, 0xff]), uint32(head.length)]);
}

function v4Head(
  signature: Pick<V4Signature, 'signatureClass' | 'publicKeyAlgorithm' | 'hashAlgorithm' | 'hashed'>,
): Buffer {
  const fixed = Buffer.from([4, signature.signatureClass, signature.publicKeyAlgorithm, signature.hashAlgorithm, 0, 0]);
  fixed.writeUInt16BE(signature.hashed.length, 4);
  return Buffer.concat([fixed, signature.hashed]);
}

export function encodeV4Signature(signature: V4Signature): Buffer {
  const unhashedLength = Buffer.alloc(2);
  unhashedLength.writeUInt16BE(signature.unhashed.length);
  const body = Buffer.concat([v4Head(signature), unhashedLength, signature.unhashed, signature.left16, signature.mpis]);
  return encodePacket(packetTag.signature, body, true);
}

/** Reads one binary v4 signature packet. Throws MalformedPacketError for anything else. */
export function decodeV4Signature(data: Buffer): V4Signature {
  const body = onlySignature(data, 4);
  if (body.length < 8) throw new MalformedPacketError('a v4 signature packet is too short');
  const hashedEnd = 6 + body.readUInt16BE(4);
  if (hashedEnd + 2 > body.length) throw new MalformedPacketError('a v4 signature packet is too short');
  const unhashedEnd = hashedEnd + 2 + body.readUInt16BE(hashedEnd);
  if (unhashedEnd + 2 > body.length) throw new MalformedPacketError('a v4 signature packet is too short');
  const mpis = body.subarray(unhashedEnd + 2);
  if (decodeMpis(mpis).length === 0) throw new MalformedPacketError('a v4 signature packet holds no signature');
  return {
    signatureClass: body.readUInt8(1),
    publicKeyAlgorithm: body.readUInt8(2),
    hashAlgorithm: body.readUInt8(3),
    hashed: body.subarray(6, hashedEnd),
    unhashed: body.subarray(hashedEnd + 2, unhashedEnd),
    left16: body.subarray(unhashedEnd, unhashedEnd + 2),
    mpis,
  };
}

export function encodeV3Signature(signature: V3Signature): Buffer {
  const body = Buffer.concat([
    Buffer.from([3, 5, signature.signatureClass]),
    uint32(signature.time),
    signature.issuer,
    Buffer.from([signature.publicKeyAlgorithm, signature.hashAlgorithm]),
    signature.left16,
    signature.mpis,
  ]);
  return encodePacket(packetTag.signature, body, true);
}

/** Reads one binary v3 signature packet. Throws MalformedPacketError for anything else. */
export function decodeV3Signature(data: Buffer): V3Signature {
  const body = onlySignature(data, 3);
  if (body.length < 21 || body[1] !== 5) throw new MalformedPacketError('a v3 signature packet is damaged');
  const mpis = body.subarray(19);
  if (decodeMpis(mpis).length === 0) throw new MalformedPacketError('a v3 signature packet holds no signature');
  return {
    signatureClass: body.readUInt8(2),
    time: body.readUInt32BE(3),
    issuer: body.subarray(7, 15),
    publicKeyAlgorithm: body.readUInt8(15),
    hashAlgorithm: body.readUInt8(16),
    left16: body.subarray(17, 19),
    mpis,
  };
}

function onlySignature(data: Buffer, version: number): Buffer {
  const packets = decodePackets(data);
  const [packet] = packets;
  if (
    packet === undefined ||
    packets.length !== 1 ||
    packet.tag !== packetTag.signature ||
    packet.body[0] !== version
  ) {
    throw new MalformedPacketError(`expected exactly one v${version} signature packet`);
  }
  return packet.body;
}

/** The subpackets of a hashed or unhashed area. */
export function decodeSubpackets(area: Buffer): Subpacket[] {
  const subpackets: Subpacket[] = [];
  let at = 0;
  while (at < area.length) {
    const first = area.readUInt8(at);
    if (first >= 192) throw new MalformedPacketError('a long signature subpacket is not accepted');
    if (first === 0 || at + 1 + first > area.length) throw new MalformedPacketError('a signature subpacket is damaged');
    subpackets.push({ type: area.readUInt8(at + 1) & 0x7f, body: area.subarray(at + 2, at + 1 + first) });
    at += 1 + first;
  }
  return subpackets;
}

/** Turns the v3 answer for a digest with a v4 trailer into the detached v4 signature. Throws when it was made by another key. */
export function transcodeToV4(v3: V3Signature, fingerprint: Buffer): Buffer {
  if (!v3.issuer.equals(keyIdOf(fingerprint))) {
    throw new MalformedPacketError(
      `the signature was made by key ${v3.issuer.toString('hex')}, expected ${keyIdOf(fingerprint).toString('hex')}`,
    );
  }
  return encodeV4Signature({
    signatureClass: v3.signatureClass,
    publicKeyAlgorithm: v3.publicKeyAlgorithm,
    hashAlgorithm: v3.hashAlgorithm,
    hashed: hashedArea(fingerprint, v3.time),
    unhashed: unhashedArea(fingerprint),
    left16: v3.left16,
    mpis: v3.mpis,
  });
}
