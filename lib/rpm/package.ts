import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { PackageError } from './errors.ts';
import {
  bytesOf,
  HEADER_INTRO_BYTES,
  type Header,
  headerLength,
  integerOf,
  parseHeader,
  stringOf,
  stringsOf,
} from './header.ts';
import type { Nevra } from './nevra.ts';
import { payloadDigestSha256, signatureTag, tag } from './tags.ts';

/**
 * A package file is: lead (96 bytes), signature header padded to 8 bytes, main header, payload to the end of the file.
 * `readPackage` takes the first three into memory (bounded) and never touches the payload; `verifyPackage` reads everything once.
 */

const LEAD_BYTES = 96;
const LEAD_MAGIC = 0xedabeedb;
const LEAD_SIGNATURE_TYPE = 5;
/** IMA signatures of every file may be in there, so more than the kilobytes a fresh package has. */
const MAX_SIGNATURE_BYTES = 16 * 1024 * 1024;
/** File lists and changelogs; the largest packages of distributions have about 20 MiB. */
const MAX_HEADER_BYTES = 64 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;

export interface PackageHead {
  nevra: Nevra;
  /** A source package (`src` or `nosrc`). */
  isSource: boolean;
  lead: Buffer;
  signature: Header;
  header: Header;
  /** The main header as in the file: what a header signature covers. */
  headerBytes: Buffer;
  /** Where the main header and the payload start in the file, in bytes. */
  headerStart: number;
  payloadStart: number;
}

/** Reads lead and headers of a package and checks their form. Throws PackageError for anything that is not a well-formed package. */
export async function readPackage(path: string): Promise<PackageHead> {
  await using file = await open(path, 'r');
  const lead = await readExactly(file, 0, LEAD_BYTES, 'lead');
  checkLead(lead);

  const signatureIntro = await readExactly(file, LEAD_BYTES, HEADER_INTRO_BYTES, 'signature header');
  const signatureLength = headerLength(signatureIntro, MAX_SIGNATURE_BYTES);
  const signature = parseHeader(
    await readExactly(file, LEAD_BYTES, signatureLength, 'signature header'),
    signatureTag.headerSignatures,
  );

  const headerStart = LEAD_BYTES + Math.ceil(signatureLength / 8) * 8;
  const headerIntro = await readExactly(file, headerStart, HEADER_INTRO_BYTES, 'header');
  const length = headerLength(headerIntro, MAX_HEADER_BYTES);
  const headerBytes = await readExactly(file, headerStart, length, 'header');
  const header = parseHeader(headerBytes, tag.headerImmutable);
  if (!header.sealed) throw new PackageError('has header entries outside the region that digests and signatures cover');

  const isSource = !header.entries.has(tag.sourceRpm);
  const nevra = nevraOf(header, isSource);
  return { nevra, isSource, lead, signature, header, headerBytes, headerStart, payloadStart: headerStart + length };
}

function checkLead(lead: Buffer): void {
  if (lead.readUInt32BE(0) !== LEAD_MAGIC) throw new PackageError('is not an RPM package');
  const major = lead.readUInt8(4);
  if (major !== 3 && major !== 4) throw new PackageError(`is an RPM package of the unknown format ${major}`);
  if (lead.readUInt16BE(78) !== LEAD_SIGNATURE_TYPE) throw new PackageError('has a signature of an unknown type');
}

function nevraOf(header: Header, isSource: boolean): Nevra {
  const sourceArch = header.entries.has(tag.noSource) || header.entries.has(tag.noPatch) ? 'nosrc' : 'src';
  return {
    name: required(header, tag.name, 'name'),
    epoch: integerOf(header, tag.epoch) ?? 0,
    version: required(header, tag.version, 'version'),
    release: required(header, tag.release, 'release'),
    arch: isSource ? sourceArch : required(header, tag.arch, 'architecture'),
  };
}

function required(header: Header, number: number, what: string): string {
  const value = stringOf(header, number);
  if (value === undefined || value === '') throw new PackageError(`has no ${what} in its header`);
  return value;
}

/** What the digests found in a package cover. A package whose payload nothing covers must not be signed: a header signature would not bind it. */
export interface DigestCoverage {
  /** A SHA-256 over the main header. */
  headerSha256: boolean;
  /** A SHA-256 over the payload, inside the main header, so that a signature over the header binds the payload. */
  payloadSha256: boolean;
}

/**
 * Reads the whole file once and checks every digest and size the package carries. Throws PackageError when one does not match, or
 * when none of them covers the payload.
 */
export async function verifyPackage(path: string, head: PackageHead): Promise<DigestCoverage> {
  const headerSha256 = stringOf(head.signature, signatureTag.sha256Header);
  const headerSha1 = stringOf(head.signature, signatureTag.sha1Header);
  compare('SHA256 digest of its header', headerSha256, () => hexDigest('sha256', head.headerBytes));
  compare('SHA1 digest of its header', headerSha1, () => hexDigest('sha1', head.headerBytes));

  const payloadSha256 = payloadDigestOf(head.header);
  const md5 = bytesOf(head.signature, signatureTag.md5)?.toString('hex');
  if (payloadSha256 === undefined && md5 === undefined) throw new PackageError('carries no digest of its payload');

  const payloadHash = createHash('sha256');
  const wholeHash = createHash('md5').update(head.headerBytes);
  const hashes = [...(payloadSha256 === undefined ? [] : [payloadHash]), ...(md5 === undefined ? [] : [wholeHash])];
  const payloadBytes = await hashFrom(path, head.payloadStart, hashes);

  const size = integerOf(head.signature, signatureTag.longSize) ?? integerOf(head.signature, signatureTag.size);
  compare('size', size?.toString(), () => String(head.headerBytes.length + payloadBytes));
  compare('SHA256 digest of its payload', payloadSha256, () => payloadHash.digest('hex'));
  compare('MD5 digest', md5, () => wholeHash.digest('hex'));
  return { headerSha256: headerSha256 !== undefined, payloadSha256: payloadSha256 !== undefined };
}

function compare(what: string, declared: string | undefined, actual: () => string): void {
  if (declared !== undefined && declared !== actual()) throw new PackageError(`is damaged: the ${what} does not match`);
}

function payloadDigestOf(header: Header): string | undefined {
  const algorithm = integerOf(header, tag.payloadDigestAlgorithm);
  const [digest] = stringsOf(header, tag.payloadDigest);
  return algorithm === payloadDigestSha256 ? digest : undefined;
}

/** Feeds the file from `start` to its end to every hash; returns the number of bytes read. */
async function hashFrom(path: string, start: number, hashes: readonly Hash[]): Promise<number> {
  await using file = await open(path, 'r');
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let at = start;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return at - start;
    for (const hash of hashes) hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}

function hexDigest(algorithm: string, data: Buffer): string {
  return createHash(algorithm).update(data).digest('hex');
}

async function readExactly(file: FileHandle, start: number, length: number, what: string): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, start + done);
    if (bytesRead === 0) throw new PackageError(`ends within its ${what}`);
    done += bytesRead;
  }
  return bytes;
}
