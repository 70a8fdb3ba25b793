import type { Dispatcher } from 'undici';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import { notFound, unavailable } from '../http/errors.ts';
import { follow, RESTART } from './follow.ts';
import { withHeartbeat } from './heartbeat.ts';
import { LineSplitter } from './lines.ts';
import { noChunks, type RedisLogs } from './redis-source.ts';
import { endFrame, heartbeat, lineFrame, restartFrame } from './sse.ts';
import { logURL, storedLog } from './stored.ts';

/** One stage of a build, as far as its log is concerned. Both are asked again and again while the log is followed. */
export interface LogStage {
  /** Of the live log, relative to the results root: `owner/dirname/chroot/directory/builder-live.log`; undefined while there is none. */
  path(): string | undefined;
  /** Whether the stage has ended, so that its log grows no more. */
  over(): boolean | Promise<boolean>;
}

/** Where builds are known: in the cluster or in the history. */
export interface LogStages {
  /** `chroot` is a chroot's name or `srpm-builds`. Undefined when the build or the chroot does not exist. */
  find(build: number, chroot: string, signal: AbortSignal): Promise<LogStage | undefined>;
}

export interface LogReader {
  /** See LogStages. */
  find: LogStages['find'];
  /** The stored log from this line on, as it is now. Rejects with ApiError 404 when there is none, 503 when the results server is away. */
  text(stage: LogStage, fromLine: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array | string>>;
  /** Server-sent events from this line on until the stage is over. Throws ApiError 503 when as many are read as may be. */
  events(stage: LogStage, fromLine: number, signal: AbortSignal): AsyncIterable<string>;
  /** Event streams that are read now. */
  readonly readers: number;
}

export interface LogReaderOptions {
  stages: LogStages;
  /** As this process reaches the results. */
  resultsURL: string;
  /** Without it the stored files are asked every second. */
  redis: RedisLogs | undefined;
  dispatcher: Dispatcher;
  clock: Clock;
  log: Logger;
  maxReaders?: number;
}

const MAX_READERS = 500;
const HEARTBEAT_MS = 15_000;
const PATH_POLL_MS = 1_000;
const NEWLINE = 0x0a;

export function createLogReader(options: LogReaderOptions): LogReader {
  const { stages, resultsURL, redis, dispatcher, clock, log, maxReaders = MAX_READERS } = options;
  let readers = 0;

  /** Waits until the log has a place; undefined when the stage ended without one. */
  async function pathOf(stage: LogStage, signal: AbortSignal): Promise<string | undefined> {
    for (;;) {
      const over = await stage.over();
      const path = stage.path();
      if (path !== undefined || over) return path;
      await clock.sleep(PATH_POLL_MS, signal);
    }
  }

  async function* frames(stage: LogStage, fromLine: number, signal: AbortSignal): AsyncGenerator<string> {
    const path = await pathOf(stage, signal);
    let next = 0;
    let first = fromLine;
    let splitter = new LineSplitter();
    const framed = (lines: readonly string[]): string =>
      lines.map((line) => (next++ < first ? '' : lineFrame(next - 1, line))).join('');
    if (path !== undefined) {
      const stored = storedLog(logURL(resultsURL, path), dispatcher);
      const chunks = redis?.follow(path) ?? noChunks(clock);
      try {
        for await (const piece of follow({ stored, chunks, over: () => stage.over(), clock, log, signal })) {
          if (piece === RESTART) {
            splitter = new LineSplitter();
            next = 0;
            first = 0;
            yield restartFrame();
          } else {
            const text = framed(splitter.push(piece));
            if (text !== '') yield text;
          }
        }
      } finally {
        chunks.close();
      }
    }
    yield framed(splitter.end()) + endFrame(next);
  }

  return {
    find: (build, chroot, signal) => stages.find(build, chroot, signal),

    get readers() {
      return readers;
    },

    async text(stage, fromLine, signal) {
      const path = stage.path();
      if (path === undefined) throw notFound('This stage of the build has no log yet. Try again when it is running.');
      const answer = await storedLog(logURL(resultsURL, path), dispatcher)
        .read(0, undefined, signal)
        .catch((error: unknown) => {
          signal.throwIfAborted();
          log.warn({ error: String(error) }, 'a log cannot be read from the results server');
          throw unavailable('The server that keeps the logs does not answer. Try again later.');
        });
      if (typeof answer === 'string') throw notFound('This stage of the build has no log yet. Try again later.');
      return fromLine === 0 ? answer.body : skipLines(answer.body, fromLine);
    },

    events(stage, fromLine, signal) {
      if (readers >= maxReaders) {
        throw unavailable(
          'Too many logs are being followed at the moment. Try again later or read the log as text.',
          30,
        );
      }
      return (async function* (): AsyncGenerator<string> {
        readers++;
        try {
          // Proxies and browsers see at once that the stream is there.
          yield heartbeat();
          yield* withHeartbeat(frames(stage, fromLine, signal), clock, HEARTBEAT_MS);
        } finally {
          readers--;
        }
      })();
    },
  };
}

async function* skipLines(body: AsyncIterable<Buffer>, lines: number): AsyncGenerator<Buffer> {
  let left = lines;
  for await (const piece of body) {
    let start = 0;
    while (left > 0) {
      const newline = piece.indexOf(NEWLINE, start);
      if (newline === -1) break;
      start = newline + 1;
      left--;
    }
    if (left === 0 && start < piece.length) yield piece.subarray(start);
  }
}
