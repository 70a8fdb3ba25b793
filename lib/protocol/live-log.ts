/**
 * How a growing log goes through Redis, for readers that do not want to wait: one stream for each log, an entry for each piece that the
 * publisher has stored. The stored file is the truth; whatever is missing here is read from there.
 */

/** Fields of an entry. */
export const logFields = {
  /** Offset of the piece in the file, in bytes, as decimal digits. */
  offset: 'o',
  /** The bytes. */
  data: 'd',
  /** Task that sent them: a later attempt writes a new file under the same name. */
  task: 't',
} as const;

/** About as many entries are kept of one log. */
export const LOG_ENTRIES = 2000;
/** A log in which nothing happens for so long is forgotten. */
export const LOG_SECONDS = 3600;
/** Longer pieces are split, so that a reader can bound what it takes at once. */
export const LOG_PIECE_BYTES = 64 * 1024;

/** `path` is relative to the results root: `owner/dirname/chroot/directory/file`. */
export function logKey(path: string): string {
  return `kopr:log:${path}`;
}
