import { TerminalError } from '../errors.ts';
import { fileNameProblem } from './file-name.ts';

/**
 * The `sources` file of a dist-git repository: which archives belong to a commit and where the lookaside cache has
 * them. Two line formats exist and both are read; only the newer one is written.
 *   old:  d41d8cd98f00b204e9800998ecf8427e  hello-2.12.tar.gz
 *   BSD:  SHA512 (hello-2.12.tar.gz) = cf83e1357eefb8bd…
 */

const HASH_DIGITS = { md5: 32, sha1: 40, sha224: 56, sha256: 64, sha384: 96, sha512: 128 } as const;
export type HashType = keyof typeof HASH_DIGITS;

export interface SourceEntry {
  hashtype: HashType;
  /** Lower-case hexadecimal. */
  hash: string;
  file: string;
}

const OLD_LINE = /^([0-9a-f]{32})(?: [ *]|\s+)(.+)$/i;
const BSD_LINE = /^([A-Za-z0-9]{1,16}) \((.+)\) = ([0-9a-f]+)$/i;

export function isHashType(text: string): text is HashType {
  return Object.hasOwn(HASH_DIGITS, text);
}

/** Is `hash` a lower-case digest of that kind? */
export function isHash(hashtype: HashType, hash: string): boolean {
  return hash.length === HASH_DIGITS[hashtype] && /^[0-9a-f]+$/.test(hash);
}

/**
 * Entries in the order of the file, repeated lines once. Rejects with TerminalError `BadSourcesFile` that names the
 * line: an unknown format, a file name that is not plain, or one file with two different digests of one kind.
 */
export function parseSources(text: string): SourceEntry[] {
  const entries: SourceEntry[] = [];
  const seen = new Map<string, string>();
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trimEnd();
    if (line === '') continue;
    const entry = parseLine(line, index + 1);
    const key = `${entry.hashtype} ${entry.file}`;
    const known = seen.get(key);
    if (known === entry.hash) continue;
    if (known !== undefined) throw bad(index + 1, `gives "${entry.file}" a second ${entry.hashtype} digest`);
    seen.set(key, entry.hash);
    entries.push(entry);
  }
  return entries;
}

function parseLine(line: string, number: number): SourceEntry {
  const old = OLD_LINE.exec(line);
  if (old) return checked({ hashtype: 'md5', hash: old[1] as string, file: old[2] as string }, number);
  const bsd = BSD_LINE.exec(line);
  if (!bsd) throw bad(number, 'is neither "<md5>  <file>" nor "SHA512 (<file>) = <hash>"');
  const hashtype = (bsd[1] as string).toLowerCase();
  if (!isHashType(hashtype)) throw bad(number, `uses the unknown hash ${bsd[1]}; use SHA512`);
  return checked({ hashtype, hash: bsd[3] as string, file: bsd[2] as string }, number);
}

function checked(entry: SourceEntry, number: number): SourceEntry {
  const hash = entry.hash.toLowerCase();
  if (!isHash(entry.hashtype, hash)) {
    throw bad(number, `has ${hash.length} digits; ${entry.hashtype} needs ${HASH_DIGITS[entry.hashtype]}`);
  }
  const problem = fileNameProblem(entry.file);
  if (problem) throw bad(number, `names ${JSON.stringify(entry.file)}, which ${problem}`);
  return { ...entry, hash };
}

function bad(number: number, what: string): TerminalError {
  return new TerminalError('BadSourcesFile', `line ${number} of the sources file ${what}`);
}

/** BSD lines sorted by file name, so that equal sets give equal bytes. Empty text for no entries. */
export function formatSources(entries: readonly SourceEntry[]): string {
  return entries
    .toSorted((a, b) => compare(a.file, b.file) || compare(a.hashtype, b.hashtype))
    .map((entry) => `${entry.hashtype.toUpperCase()} (${entry.file}) = ${entry.hash}\n`)
    .join('');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** URL of an entry: `<base>/<file>/<hashtype>/<hash>/<file>`, the file name percent-encoded. */
export function lookasidePath(base: string, entry: SourceEntry): string {
  const file = encodeURIComponent(entry.file);
  return `${base.replace(/\/+$/, '')}/${file}/${entry.hashtype}/${entry.hash}/${file}`;
}
