/** Numbers of the RPM format (version 4), as far as they are needed here. */

export const headerType = {
  null: 0,
  char: 1,
  int8: 2,
  int16: 3,
  int32: 4,
  int64: 5,
  string: 6,
  bin: 7,
  stringArray: 8,
  i18nString: 9,
} as const;

/** Tags of the main header. */
export const tag = {
  headerImmutable: 63,
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  buildTime: 1006,
  arch: 1022,
  sourceRpm: 1044,
  noSource: 1051,
  noPatch: 1052,
  excludeArch: 1059,
  exclusiveArch: 1061,
  buildArchs: 1089,
  sourcePackage: 1106,
  payloadDigest: 5092,
  payloadDigestAlgorithm: 5093,
} as const;

/** Tags of the signature header. */
export const signatureTag = {
  headerSignatures: 62,
  dsaHeader: 267,
  rsaHeader: 268,
  sha1Header: 269,
  longSize: 270,
  longArchiveSize: 271,
  sha256Header: 273,
  openpgp: 278,
  size: 1000,
  pgp: 1002,
  md5: 1004,
  gpg: 1005,
  payloadSize: 1007,
  reservedSpace: 1008,
} as const;

/** OpenPGP hash id of SHA-256, the only payload digest rpm writes. */
export const payloadDigestSha256 = 8;
