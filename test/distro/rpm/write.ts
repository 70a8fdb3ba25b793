import { createHash } from 'node:crypto';
import { constants, zstdCompressSync } from 'node:zlib';
import { encodeCpio } from './cpio.ts';
import { type PlacedFile, placeFiles } from './files.ts';
import { binary, encodeHeader, type HeaderEntry, i18n, int16, int32, string, strings } from './header.ts';
import { EQUAL, evr, LESS, type RpmDependency, type RpmPackage } from './model.ts';
import { SIGNATURE_TAG, TAG } from './tags.ts';

const RPMLIB = 1 << 24;
const SHA256_ALGORITHM = 8;
const SIGNATURE_REGION = 62;
const HEADER_REGION = 63;

/** What rpm itself must be able to do to install packages written here. */
const FEATURES: readonly (readonly [string, string])[] = [
  ['CompressedFileNames', '3.0.4-1'],
  ['FileDigests', '4.6.0-1'],
  ['PayloadFilesHavePrefix', '4.0-1'],
  ['PayloadIsZstd', '5.4.18-1'],
  ['RichDependencies', '4.12.0-1'],
  ['TildeInVersions', '4.10.4-1'],
];

/** Writes an unsigned RPM (format 4, zstd payload); the same package always gives the same bytes. */
export function writeRpm(pkg: RpmPackage): Buffer {
  const files = placeFiles(pkg.files);
  const archive = Buffer.concat(encodeCpio(files));
  const payload = zstdCompressSync(archive, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  const header = encodeHeader(HEADER_REGION, [
    ...identity(pkg),
    ...dependencies(pkg),
    ...fileTags(files),
    string(TAG.payloadFormat, 'cpio'),
    string(TAG.payloadCompressor, 'zstd'),
    string(TAG.payloadFlags, '1'),
    strings(TAG.payloadDigest, [sha256(payload)]),
    int32(TAG.payloadDigestAlgo, [SHA256_ALGORITHM]),
    strings(TAG.payloadDigestAlt, [sha256(archive)]),
  ]);
  const signature = encodeHeader(SIGNATURE_REGION, [
    string(SIGNATURE_TAG.sha1, createHash('sha1').update(header).digest('hex')),
    string(SIGNATURE_TAG.sha256, sha256(header)),
    int32(SIGNATURE_TAG.size, [header.length + payload.length]),
    binary(SIGNATURE_TAG.md5, createHash('md5').update(header).update(payload).digest()),
    int32(SIGNATURE_TAG.payloadSize, [archive.length]),
  ]);
  const padding = Buffer.alloc((8 - (signature.length % 8)) % 8);
  return Buffer.concat([lead(pkg), signature, padding, header, payload]);
}

/** The fixed-size beginning of the file, which only old tools and file(1) still look at. */
function lead(pkg: RpmPackage): Buffer {
  const data = Buffer.alloc(96);
  data.write('edabeedb0300', 0, 'hex');
  data.writeUInt16BE(1, 8);
  data.write(`${pkg.name}-${pkg.version}-${pkg.release}`.slice(0, 65), 10, 'latin1');
  data.writeUInt16BE(1, 76);
  data.writeUInt16BE(5, 78);
  return data;
}

function identity(pkg: RpmPackage): HeaderEntry[] {
  return [
    strings(TAG.headerI18nTable, ['C']),
    string(TAG.name, pkg.name),
    string(TAG.version, pkg.version),
    string(TAG.release, pkg.release),
    ...(pkg.epoch > 0 ? [int32(TAG.epoch, [pkg.epoch])] : []),
    i18n(TAG.summary, pkg.summary),
    i18n(TAG.description, pkg.description),
    int32(TAG.buildTime, [pkg.buildTime]),
    string(TAG.buildHost, 'pebble'),
    string(TAG.vendor, 'Pebble Linux'),
    string(TAG.license, 'see /usr/share/doc'),
    i18n(TAG.group, 'Unspecified'),
    ...(pkg.url === '' ? [] : [string(TAG.url, pkg.url)]),
    string(TAG.os, 'linux'),
    string(TAG.arch, pkg.arch),
    string(TAG.sourceRpm, pkg.sourceRpm),
    string(TAG.rpmVersion, '4.18.0'),
    string(TAG.encoding, 'utf-8'),
  ];
}

function dependencies(pkg: RpmPackage): HeaderEntry[] {
  const features = FEATURES.map(([name, version]) => ({
    name: `rpmlib(${name})`,
    flags: LESS | EQUAL | RPMLIB,
    version,
  }));
  const self = { name: pkg.name, flags: EQUAL, version: evr(pkg) };
  return [
    ...dependencyTags([TAG.provideName, TAG.provideFlags, TAG.provideVersion], [self, ...pkg.provides]),
    ...dependencyTags([TAG.requireName, TAG.requireFlags, TAG.requireVersion], [...pkg.requires, ...features]),
    ...dependencyTags([TAG.conflictName, TAG.conflictFlags, TAG.conflictVersion], pkg.conflicts),
  ];
}

function dependencyTags(tags: readonly [number, number, number], list: readonly RpmDependency[]): HeaderEntry[] {
  return [
    strings(
      tags[0],
      list.map((dependency) => dependency.name),
    ),
    int32(
      tags[1],
      list.map((dependency) => dependency.flags),
    ),
    strings(
      tags[2],
      list.map((dependency) => dependency.version),
    ),
  ];
}

function fileTags(files: readonly PlacedFile[]): HeaderEntry[] {
  const directories = [...new Set(files.map((file) => file.directory))].toSorted((a, b) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  );
  const directoryIndex = new Map(directories.map((directory, index) => [directory, index]));
  const sizes = new Map(files.map((file) => [file.inode, file.size]));
  const numbers = (tag: number, value: (file: PlacedFile) => number) => int32(tag, files.map(value));
  const shorts = (tag: number, value: (file: PlacedFile) => number) => int16(tag, files.map(value));
  const texts = (tag: number, value: (file: PlacedFile) => string) => strings(tag, files.map(value));
  return [
    int32(TAG.size, [[...sizes.values()].reduce((sum, size) => sum + size, 0)]),
    numbers(TAG.fileSizes, (file) => file.size),
    shorts(TAG.fileModes, (file) => file.mode),
    shorts(TAG.fileRdevs, () => 0),
    numbers(TAG.fileMtimes, (file) => file.source.mtime),
    texts(TAG.fileDigests, (file) => file.digest),
    texts(TAG.fileLinkTos, (file) => file.symlink),
    numbers(TAG.fileFlags, (file) => file.source.flags),
    texts(TAG.fileUserName, (file) => file.source.user),
    texts(TAG.fileGroupName, (file) => file.source.group),
    numbers(TAG.fileVerifyFlags, () => 0xffffffff),
    numbers(TAG.fileDevices, () => 1),
    numbers(TAG.fileInodes, (file) => file.inode),
    texts(TAG.fileLangs, (file) => file.source.language),
    numbers(TAG.dirIndexes, (file) => directoryIndex.get(file.directory) ?? 0),
    texts(TAG.baseNames, (file) => file.base),
    strings(TAG.dirNames, directories),
    ...(files.length > 0 ? [int32(TAG.fileDigestAlgo, [SHA256_ALGORITHM])] : []),
  ];
}

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
