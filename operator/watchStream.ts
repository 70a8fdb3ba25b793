/** One watch: opened, its lines handed on while they come, ended when it is silent for too long. */
import type { Clock } from '../lib/clock.ts';
import type { ApiClient, ApiRequest } from './apiClient.ts';
import { LineSplitter } from './lines.ts';
import { StreamError } from './watchEvent.ts';

/** The watch was open, and nothing came over it for too long. */
export class SilentWatch extends StreamError {}

export interface WatchStreamOptions {
  client: ApiClient;
  clock: Clock;
  path: string;
  query: NonNullable<ApiRequest['query']>;
  /** Without a byte for this long the watch is ended. */
  stallMs: number;
  /** Ends the watch, with its reason. */
  signal: AbortSignal;
}

interface Progress {
  open: boolean;
  /** Monotonic time of the last sign of life. */
  at: number;
}

/**
 * Resolves when the server ends the watch in order. Rejects with SilentWatch, with StreamError when the watch breaks off
 * or does not open in time, with ApiError when the server refuses it, and with whatever `onLine` throws.
 */
export async function watchLines(options: WatchStreamOptions, onLine: (line: string) => void): Promise<void> {
  const { client, clock, path, query } = options;
  const stream = new AbortController();
  const onStop = (): void => stream.abort(options.signal.reason);
  if (options.signal.aborted) onStop();
  else options.signal.addEventListener('abort', onStop, { once: true });
  const progress: Progress = { open: false, at: clock.monotonic() };
  const guard = guardAgainstSilence(options, progress, stream);
  try {
    const response = await client.stream({ path, query, signal: stream.signal });
    progress.open = true;
    progress.at = clock.monotonic();
    const lines = new LineSplitter(onLine);
    for await (const chunk of response.body) {
      progress.at = clock.monotonic();
      lines.push(chunk as Buffer);
    }
    if (lines.unfinished > 0) throw new StreamError('the watch ended in the middle of an event');
  } finally {
    // Covers the ways out that leave the body unread.
    stream.abort(new Error('the watch is over'));
    options.signal.removeEventListener('abort', onStop);
    await guard;
  }
}

/** Aborts `stream` after stallMs without progress, measured on the monotonic clock. Ends with the stream. */
async function guardAgainstSilence(
  { clock, stallMs }: WatchStreamOptions,
  progress: Progress,
  stream: AbortController,
): Promise<void> {
  try {
    for (;;) {
      const left = progress.at + stallMs - clock.monotonic();
      if (left <= 0) break;
      await clock.sleep(left, stream.signal);
    }
  } catch {
    return;
  }
  const seconds = stallMs / 1000;
  stream.abort(
    progress.open
      ? new SilentWatch(`no sign of life from the watch for ${seconds} s`)
      : new StreamError(`the watch was not opened within ${seconds} s`),
  );
}
