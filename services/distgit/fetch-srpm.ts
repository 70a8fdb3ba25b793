import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { request } from 'undici';
import type { Clock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { errorMessage, TerminalError } from '../../lib/errors.ts';
import type { ImportRequest } from '../../lib/protocol/distgit.ts';
import { RetryableError } from './errors.ts';

export interface FetchRules {
  /** Normalised URL prefixes, each ending in a slash. */
  origins: readonly string[];
  maxBytes: number;
}

const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 250;
/** No answer, or no byte, for so long ends an attempt. */
const SILENCE_MS = 30_000;
const ATTEMPT_MS = 600_000;

/** The URL as it will be requested, or TerminalError `OriginNotAllowed`. */
export function checkOrigin(url: string, origins: readonly string[]): string {
  const refusal = new TerminalError(
    'OriginNotAllowed',
    `SRPMs are not fetched from ${JSON.stringify(url.slice(0, 200))}; allowed are ${origins.join(', ')}`,
  );
  if (!URL.canParse(url)) throw refusal;
  const parsed = new URL(url);
  // An encoded separator passes URL normalisation and may become "../" again on the server.
  if (/%2f|%5c/i.test(parsed.pathname) || parsed.username !== '' || parsed.password !== '') throw refusal;
  parsed.hash = '';
  if (!origins.some((origin) => parsed.href.startsWith(origin) && parsed.href.length > origin.length)) throw refusal;
  return parsed.href;
}

/**
 * Downloads the SRPM to `path`, checking size and digest while it streams. Redirects are not followed: they would lead
 * past the allowed origins. Rejects with TerminalError `SrpmTooLarge` or `WrongDigest`, RetryableError
 * `SrpmUnavailable` after a bounded number of attempts.
 */
export async function fetchSrpm(
  srpm: ImportRequest['srpm'],
  path: string,
  rules: FetchRules,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const url = checkOrigin(srpm.url, rules.origins);
  if (srpm.size > rules.maxBytes) {
    throw new TerminalError('SrpmTooLarge', `the SRPM has ${srpm.size} bytes; the limit is ${rules.maxBytes}`);
  }
  let last: unknown;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 0) await clock.sleep(FIRST_PAUSE_MS * 4 ** (attempt - 1), signal);
    try {
      await withDeadline({ clock, ms: ATTEMPT_MS, what: 'the download of the SRPM', signal }, (limited) =>
        download(url, srpm, path, limited),
      );
      return;
    } catch (error) {
      signal.throwIfAborted();
      // A wrong digest is the SRPM's fault when it stays wrong; once may have been a broken transfer.
      if (error instanceof TerminalError && attempt > 0) throw error;
      last = error;
    }
  }
  throw new RetryableError('SrpmUnavailable', `the SRPM could not be fetched from ${url}: ${errorMessage(last)}`);
}

async function download(url: string, srpm: ImportRequest['srpm'], path: string, signal: AbortSignal): Promise<void> {
  const response = await request(url, { signal, headersTimeout: SILENCE_MS, bodyTimeout: SILENCE_MS });
  const handle = await open(path, 'w', 0o644);
  try {
    if (response.statusCode !== 200) throw new Error(`the server answered ${response.statusCode}`);
    const digest = createHash('sha256');
    let size = 0;
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > srpm.size) throw wrong(`it is longer than the announced ${srpm.size} bytes`);
      digest.update(chunk);
      await handle.writeFile(chunk);
    }
    if (size !== srpm.size) throw wrong(`it has ${size} bytes instead of ${srpm.size}`);
    const actual = digest.digest('hex');
    if (actual !== srpm.sha256) throw wrong(`its SHA-256 is ${actual} instead of ${srpm.sha256}`);
  } finally {
    await handle.close();
    response.body.on('error', () => undefined).destroy();
  }
}

function wrong(what: string): TerminalError {
  return new TerminalError('WrongDigest', `the SRPM is not the one that was announced: ${what}`);
}
