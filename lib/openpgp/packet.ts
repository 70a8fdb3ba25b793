/** Reading and writing of OpenPGP packets and multi-precision integers (RFC 4880, sections 3.2 and 4.2). */

export const packetTag = { signature: 2, secretKey: 5, publicKey: 6, userId: 13, publicSubkey: 14 } as const;

export interface Packet {
  tag: number;
  body: Buffer;
}

/** Bytes that are not the OpenPGP data they should be. */
export class MalformedPacketError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MalformedPacketError';
  }
}

/** A packet with an old-format header; a two-byte length is used even for short bodies when `wide` is set, as signd does. */
export function encodePacket(tag: number, body: Buffer, wide = false): Buffer {
  if (body.length < 0x100 && !wide) return Buffer.concat([Buffer.from([0x80 | (tag << 2), body.length]), body]);
  if (body.length > 0xffff)
    throw new MalformedPacketError(`a packet body of ${body.length} bytes is too long to write`);
  const header = Buffer.from([0x80 | (tag << 2) | 1, 0, 0]);
  header.writeUInt16BE(body.length, 1);
  return Buffer.concat([header, body]);
}

/** All packets of a binary stream, in order. Throws MalformedPacketError; partial lengths are refused. */
export function decodePackets(data: Buffer): Packet[] {
  const packets: Packet[] = [];
  let at = 0;
  while (at < data.length) {
    const { tag, start, length } = readHeader(data, at);
    if (start + length > data.length) throw new MalformedPacketError('a packet ends before its declared length');
    packets.push({ tag, body: data.subarray(start, start + length) });
    at = start + length;
  }
  return packets;
}

function readHeader(data: Buffer, at: number): { tag: number; start: number; length: number } {
  const first = data[at] ?? 0;
  if ((first & 0x80) === 0) throw new MalformedPacketError('the data does not start with an OpenPGP packet');
  return (first & 0x40) !== 0 ? readNewHeader(data, at, first & 0x3f) : readOldHeader(data, at, first);
}

function readOldHeader(data: Buffer, at: number, first: number): { tag: number; start: number; length: number } {
  const lengthType = first & 3;
  const tag = (first >> 2) & 0xf;
  if (lengthType === 3) throw new MalformedPacketError('a packet of indeterminate length is not accepted');
  const size = 1 << lengthType;
  if (at + 1 + size > data.length) throw new MalformedPacketError('a packet ends within its header');
  return { tag, start: at + 1 + size, length: data.readUIntBE(at + 1, size) };
}

function readNewHeader(data: Buffer, at: number, tag: number): { tag: number; start: number; length: number } {
  const one = data[at + 1];
  if (one === undefined) throw new MalformedPacketError('a packet ends within its header');
  if (one < 192) return { tag, start: at + 2, length: one };
  if (one < 224) {
    const two = data[at + 2];
    if (two === undefined) throw new MalformedPacketError('a packet ends within its header');
    return { tag, start: at + 3, length: ((one - 192) << 8) + two + 192 };
  }
  if (one !== 255) throw new MalformedPacketError('a packet with a partial length is not accepted');
  if (at + 6 > data.length) throw new MalformedPacketError('a packet ends within its header');
  return { tag, start: at + 6, length: data.readUInt32BE(at + 2) };
}

/** A big-endian unsigned number as an OpenPGP MPI: bit count, then the bytes without leading zeros. */
export function encodeMpi(number: Buffer): Buffer {
  let start = 0;
  while (start < number.length && number[start] === 0) start++;
  const bytes = number.subarray(start);
  const bits = bytes.length === 0 ? 0 : (bytes.length - 1) * 8 + (32 - Math.clz32(bytes[0] ?? 0));
  const header = Buffer.alloc(2);
  header.writeUInt16BE(bits);
  return Buffer.concat([header, bytes]);
}

/** The MPIs that fill `data` exactly, without their bit counts. */
export function decodeMpis(data: Buffer): Buffer[] {
  const numbers: Buffer[] = [];
  let at = 0;
  while (at < data.length) {
    if (at + 2 > data.length) throw new MalformedPacketError('a number ends within its length');
    const bytes = (data.readUInt16BE(at) + 7) >> 3;
    if (at + 2 + bytes > data.length) throw new MalformedPacketError('a number ends before its declared length');
    numbers.push(data.subarray(at + 2, at + 2 + bytes));
    at += 2 + bytes;
  }
  return numbers;
}
