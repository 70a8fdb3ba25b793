import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import type { Dispatcher } from 'undici';
import { Agent, request } from 'undici';
import type { Clock } from '../../lib/clock.ts';
import { errorMessage, TerminalError } from '../../lib/errors.ts';
import type { LiveLog } from '../live-log.ts';
import { Refusal, retry } from '../retry.ts';
import { redirectTarget, showURL, webURL } from './urls.ts';

/** What every fetching step is given. */
export interface FetchContext {
  clock: Clock;
  /** 0 ≤ n < 1. */
  random: () => number;
  log: LiveLog;
  dispatcher: Dispatcher;
  /** Aborted at the deadline of the task. */
  signal: AbortSignal;
  maxSourceBytes: number;
  /**
   * `stranger`: a server the user named; when it does not answer, that is the outcome of the task. `own`: a service of ours; it gets more
   * time to come back, and when it does not, that is a plain Error: the task has not been tried. The same holds, as a Refusal, when it
   * says that this pod may not.
   */
  server: 'stranger' | 'own';
  /** Shown to the server that was asked, and to none that it redirects to. A secret: it may get into no log and no file. */
  token?: string | undefined;
}

/** Tries again what a server did not answer, for as long as suits whose it is, and says so in the log. Rejects as `retry` does. */
export function patiently<T>(context: FetchContext, work: () => Promise<T>): Promise<T> {
  const { server, clock, random, signal, log } = context;
  return retry(
    {
      ...(server === 'own' ? { attempts: 8, maxDelayMs: 30_000 } : { attempts: 4, maxDelayMs: 15_000 }),
      firstDelayMs: 1_000,
      clock,
      random,
      signal,
      onRetry: (error, delay) => log.say(`${errorMessage(error)}; trying again in ${Math.ceil(delay / 1000)} s`),
    },
    work,
  );
}

export interface DownloadRequest {
  url: string;
  /** Path of the file to be made. */
  target: string;
  /** Checked when given; a mismatch is not retried. */
  digest?: { hashtype: string; hash: string };
}

const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Statuses that say "not you". */
const REFUSALS = new Set([401, 403, 410]);
/** Statuses that say "later". */
const TRANSIENT = new Set([408, 425, 429, 500, 502, 503, 504]);
const PROGRESS_MS = 5_000;

/** One agent per process. A server that accepts and then says nothing is given up after a minute. */
export function createDispatcher(): Agent {
  return new Agent({
    connect: { timeout: 10_000 },
    headersTimeout: 60_000,
    bodyTimeout: 60_000,
    maxHeaderSize: 64 * 1024,
  });
}

/**
 * Downloads one file: complete and under its name, or not at all. Resolves with its size in bytes. Rejects with TerminalError
 * `SourceFetchFailed`, `SourceTooLarge`, `SourceDigestMismatch` or `UnsupportedSource`; what a server means that is unreachable or refuses:
 * see `server`.
 */
export async function download(wanted: DownloadRequest, context: FetchContext): Promise<number> {
  const url = webURL(wanted.url, 'the source');
  context.log.say(`downloading ${showURL(url)}`);
  try {
    const size = await patiently(context, () => attempt(url, wanted, context));
    context.log.say(`downloaded ${size} bytes`);
    return size;
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof TerminalError || context.server === 'own') throw error;
    throw new TerminalError('SourceFetchFailed', `${showURL(url)} could not be fetched: ${errorMessage(error)}`);
  }
}

async function attempt(start: URL, wanted: DownloadRequest, context: FetchContext): Promise<number> {
  let url = start;
  let token = context.token;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const answer = await request(url, {
      method: 'GET',
      // Bytes as they are: an archive that a server compresses once more would have another digest.
      headers: {
        'accept-encoding': 'identity',
        'user-agent': 'kopr-builder',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      dispatcher: context.dispatcher,
      signal: context.signal,
    });
    const location = answer.headers.location;
    if (REDIRECTS.has(answer.statusCode) && typeof location === 'string') {
      await answer.body.dump();
      url = redirectTarget(url, location);
      // For good: another server may lead back to any path of the first one.
      if (url.origin !== start.origin) token = undefined;
      context.log.say(`redirected to ${showURL(url)}`);
      continue;
    }
    if (answer.statusCode !== 200) {
      await answer.body.dump();
      const message = `${showURL(url)} answered with status ${answer.statusCode}`;
      if (TRANSIENT.has(answer.statusCode)) throw new Error(message);
      if (context.server === 'own' && REFUSALS.has(answer.statusCode)) throw new Refusal(message);
      throw new TerminalError('SourceFetchFailed', message);
    }
    return await receive(answer, url, wanted, context);
  }
  throw new TerminalError('SourceFetchFailed', `${showURL(start)} redirects more than ${MAX_REDIRECTS} times`);
}

async function receive(
  answer: Dispatcher.ResponseData,
  url: URL,
  wanted: DownloadRequest,
  context: FetchContext,
): Promise<number> {
  const announced = Number(answer.headers['content-length'] ?? Number.NaN);
  const tooLarge = (): TerminalError =>
    new TerminalError('SourceTooLarge', `${showURL(url)} is larger than the limit of ${context.maxSourceBytes} bytes`);
  if (announced > context.maxSourceBytes) {
    // A body destroyed before it is read tells so by an event, which ends the process if nobody listens.
    answer.body.on('error', () => {}).destroy();
    throw tooLarge();
  }
  const partial = `${wanted.target}.part`;
  await rm(partial, { force: true });
  const file = await open(partial, 'wx', 0o644);
  const hash = wanted.digest && createHash(wanted.digest.hashtype);
  let size = 0;
  let lastTold = context.clock.monotonic();
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > context.maxSourceBytes) throw tooLarge();
      hash?.update(chunk);
      await file.write(chunk);
      if (context.clock.monotonic() - lastTold > PROGRESS_MS) {
        lastTold = context.clock.monotonic();
        context.log.say(`${size}${announced > 0 ? ` of ${announced}` : ''} bytes so far`);
      }
    }
    if (announced >= 0 && size !== announced)
      throw new Error(`${showURL(url)} ended after ${size} of ${announced} bytes`);
    await file.sync();
  } finally {
    await file.close();
  }
  if (hash && hash.digest('hex') !== wanted.digest?.hash) {
    throw new TerminalError(
      'SourceDigestMismatch',
      `${showURL(url)} does not have the ${wanted.digest?.hashtype} digest ${wanted.digest?.hash}`,
    );
  }
  await rename(partial, wanted.target);
  return size;
}
