import { createHash } from 'node:crypto';
import { encodeHeader, type HeaderEntry } from '../../../lib/rpm/header.ts';
import type { PackageHead } from '../../../lib/rpm/package.ts';
import { signatureTag } from '../../../lib/rpm/tags.ts';

const BUILD_HOST = 1007;
/** Numbers below 100 are for regions alone; rpm refuses a header with such a tag. */
const ILLEGAL_TAG = 65;

/** The package with an index entry that only rpm objects to, and all digests made right again. */
export function poisonedPackage(whole: Buffer, head: PackageHead): Buffer {
  const header = Buffer.from(head.headerBytes);
  const entries = header.readUInt32BE(8);
  for (let n = 0; n < entries; n++) {
    const at = 16 + n * 16;
    if (header.readUInt32BE(at) === BUILD_HOST) header.writeUInt32BE(ILLEGAL_TAG, at);
  }
  const payload = whole.subarray(head.payloadStart);
  const values = new Map<number, Buffer>([
    [signatureTag.sha256Header, text(createHash('sha256').update(header).digest('hex'))],
    [signatureTag.sha1Header, text(createHash('sha1').update(header).digest('hex'))],
    [signatureTag.md5, createHash('md5').update(header).update(payload).digest()],
  ]);
  const signature: HeaderEntry[] = [...head.signature.entries.values()].map((entry) => ({
    ...entry,
    data: values.get(entry.tag) ?? entry.data,
  }));
  const encoded = encodeHeader(signature, signatureTag.headerSignatures);
  const padding = Buffer.alloc((8 - (encoded.length % 8)) % 8);
  return Buffer.concat([head.lead, encoded, padding, header, payload]);
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}
