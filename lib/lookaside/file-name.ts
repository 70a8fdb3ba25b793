/** Longest file name a Linux file system takes, in bytes. */
const MAX_NAME_BYTES = 255;

/** Control characters, line separators, marks that reverse the text they are shown in, and what was no UTF-8. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\ufffd]/u;

/**
 * Why `name` cannot be the name of a source file, as the end of a sentence; undefined when it can.
 * Names come from strangers' SRPMs and end up in paths, URLs, `sources` lines and argument lists.
 */
export function fileNameProblem(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (name === '.' || name === '..') return 'is a directory';
  if (/[/\\]/.test(name)) return 'contains a directory separator';
  if (UNPRINTABLE.test(name) || !name.isWellFormed()) return 'is not printable UTF-8';
  if (name.startsWith('-')) return 'begins with a dash and would be taken for an option';
  if (name !== name.trim()) return 'begins or ends with a space';
  // Case-insensitive, because a checkout may be on a file system that is.
  if (/^\.git/i.test(name)) return 'is reserved for git';
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `is longer than ${MAX_NAME_BYTES} bytes`;
  return undefined;
}
