import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { encodeHeader, type Header, type HeaderEntry } from './header.ts';
import type { PackageHead } from './package.ts';
import { headerType, signatureTag } from './tags.ts';

const COPY_BYTES = 1024 * 1024;

/** Digests and sizes: all that survives from the signature header of a package that is signed anew. */
const keptTags: ReadonlySet<number> = new Set([
  signatureTag.sha1Header,
  signatureTag.sha256Header,
  signatureTag.longSize,
  signatureTag.longArchiveSize,
  signatureTag.size,
  signatureTag.md5,
  signatureTag.payloadSize,
]);

/** Tag a header signature is stored under: RSA has its own, every other algorithm shares one. */
export type HeaderSignatureTag = typeof signatureTag.rsaHeader | typeof signatureTag.dsaHeader;

/**
 * The padded signature header of a package signed by us alone: whatever signatures it had (of the header, of header and payload, of
 * single files) and the space reserved for them are gone. `packet` is a binary detached v4 signature over the main header.
 */
export function signedSignatureHeader(old: Header, signature: { tag: HeaderSignatureTag; packet: Buffer }): Buffer {
  const entries: HeaderEntry[] = [...old.entries.values()].filter((entry) => keptTags.has(entry.tag));
  entries.push({
    tag: signature.tag,
    type: headerType.bin,
    count: signature.packet.length,
    data: signature.packet,
  });
  const header = encodeHeader(entries, signatureTag.headerSignatures);
  return Buffer.concat([header, Buffer.alloc((8 - (header.length % 8)) % 8)]);
}

/** Does the package carry a signature of any kind? */
export function isSigned(head: PackageHead): boolean {
  const kinds = [
    signatureTag.rsaHeader,
    signatureTag.dsaHeader,
    signatureTag.pgp,
    signatureTag.gpg,
    signatureTag.openpgp,
  ];
  return kinds.some((kind) => head.signature.entries.has(kind));
}

/**
 * Writes the package at `source` to the new file `target` with another signature header; header and payload are copied byte for byte.
 * The file is on disk (fsync) when this resolves. Rejects with EEXIST when `target` exists.
 */
export async function writePackage(
  source: string,
  head: PackageHead,
  signatureHeader: Buffer,
  target: string,
): Promise<{ size: number; sha256: string }> {
  await using from = await open(source, 'r');
  await using to = await open(target, 'wx', 0o644);
  const hash = createHash('sha256');
  let size = 0;
  const put = async (bytes: Buffer): Promise<void> => {
    hash.update(bytes);
    size += bytes.length;
    for (let done = 0; done < bytes.length; ) done += (await to.write(bytes, done)).bytesWritten;
  };
  await put(head.lead);
  await put(signatureHeader);
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  let at = head.headerStart;
  for (;;) {
    const { bytesRead } = await from.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) break;
    await put(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  await to.sync();
  return { size, sha256: hash.digest('hex') };
}
