import { MalformedPacketError } from './packet.ts';

export type ArmorType = 'PUBLIC KEY BLOCK' | 'SIGNATURE';

/** ASCII armor (RFC 4880, 6.2) with checksum and a final newline; no Version or Comment header. */
export function armor(type: ArmorType, data: Buffer): string {
  const lines = data.toString('base64').match(/.{1,64}/g) ?? [];
  const checksum = Buffer.alloc(3);
  checksum.writeUIntBE(crc24(data), 0, 3);
  return [
    `-----BEGIN PGP ${type}-----`,
    '',
    ...lines,
    `=${checksum.toString('base64')}`,
    `-----END PGP ${type}-----`,
    '',
  ].join('\n');
}

/** The bytes of the only armored block in `text`. Throws MalformedPacketError when there is none, more than one, or a wrong checksum. */
export function dearmor(type: ArmorType, text: string): Buffer {
  const blocks = [...text.matchAll(/^-----BEGIN PGP ([A-Z ]+)-----\r?\n([\s\S]*?)^-----END PGP \1-----\s*$/gm)];
  const [block] = blocks;
  if (block === undefined || blocks.length !== 1 || block[1] !== type) {
    throw new MalformedPacketError(`expected exactly one armored ${type.toLowerCase()}, found ${blocks.length}`);
  }
  const lines = (block[2] ?? '').split(/\r?\n/);
  const headersEnd = lines.indexOf('');
  const body = lines.slice(headersEnd + 1).filter((line) => line !== '');
  const checksum = body.at(-1)?.startsWith('=') ? body.pop() : undefined;
  if (body.some((line) => !/^[A-Za-z0-9+/]+={0,2}$/.test(line))) {
    throw new MalformedPacketError('the armored block holds something that is not base64');
  }
  const data = Buffer.from(body.join(''), 'base64');
  if (checksum !== undefined && Buffer.from(checksum.slice(1), 'base64').readUIntBE(0, 3) !== crc24(data)) {
    throw new MalformedPacketError('the armored block is damaged: its checksum does not match');
  }
  return data;
}

function crc24(data: Buffer): number {
  let crc = 0xb704ce;
  for (const byte of data) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit++) {
      crc <<= 1;
      if ((crc & 0x1000000) !== 0) crc ^= 0x1864cfb;
    }
  }
  return crc & 0xffffff;
}
