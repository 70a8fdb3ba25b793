import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { DeadlineError } from '../lib/errors.ts';

export interface RunOptions {
  /** Names the wait in an error: "the clone of https://…". */
  what: string;
  cwd?: string;
  /** The whole environment: nothing of the container's own leaks into a tool that runs strangers' code. */
  env: Record<string, string>;
  timeoutMs: number;
  signal?: AbortSignal;
  /** Told every line of both streams as it comes. */
  onLine?: (line: string) => void;
}

export interface RunResult {
  code: number;
  /** Standard output, at most 16 MiB of it. */
  stdout: string;
  /** The first 256 KiB of both streams in the order they came: where the first error is. */
  output: string;
}

const MAX_STDOUT = 16 * 1024 ** 2;
const MAX_OUTPUT = 256 * 1024;
const KILL_AFTER_MS = 5_000;

/**
 * Runs a program without a shell. Resolves with its exit code whatever that is (128 + n after signal n); rejects when it cannot be started,
 * with DeadlineError when the time is up, and with the signal's reason when aborted. In the last two cases its whole process group is ended.
 */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    options.signal?.throwIfAborted();
    const child = spawn(command, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: options.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that helpers of the tool (git's transports, rpmbuild's scripts) end with it.
      detached: true,
    });
    let stopped: unknown;
    let killTimer: NodeJS.Timeout | undefined;
    const stop = (reason: unknown): void => {
      if (stopped !== undefined) return;
      stopped = reason;
      signalGroup(child.pid, 'SIGTERM');
      killTimer = setTimeout(() => {
        signalGroup(child.pid, 'SIGKILL');
        // A helper that left the group may hold the pipes; nobody waits for it.
        child.stdout.destroy();
        child.stderr.destroy();
      }, KILL_AFTER_MS);
    };
    const timer = setTimeout(() => stop(new DeadlineError(options.what, options.timeoutMs)), options.timeoutMs);
    const onAbort = (): void => stop(options.signal?.reason ?? new Error('aborted'));
    options.signal?.addEventListener('abort', onAbort, { once: true });

    const stdout = new Limited(MAX_STDOUT);
    const output = new Limited(MAX_OUTPUT);
    const read = (stream: Readable, sinks: Limited[]): void => {
      const lines = new LineSplitter((line) => options.onLine?.(line));
      stream.on('data', (chunk: Buffer) => {
        for (const sink of sinks) sink.add(chunk);
        lines.add(chunk);
      });
      stream.on('end', () => lines.end());
    };
    read(child.stdout, [stdout, output]);
    read(child.stderr, [output]);

    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      clearTimeout(killTimer);
      options.signal?.removeEventListener('abort', onAbort);
      finish();
    };
    child.on('error', (error) => settle(() => reject(error)));
    child.on('close', (code, signal) => {
      settle(() => {
        if (stopped !== undefined) reject(stopped);
        else resolve({ code: code ?? 128 + signalNumber(signal), stdout: stdout.text(), output: output.text() });
      });
    });
  });
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone: that is what was wanted.
  }
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : constants.signals[signal];
}

class Limited {
  readonly #parts: Buffer[] = [];
  #left: number;

  constructor(limit: number) {
    this.#left = limit;
  }

  add(chunk: Buffer): void {
    if (this.#left <= 0) return;
    const part = chunk.subarray(0, this.#left);
    this.#left -= part.length;
    this.#parts.push(part);
  }

  text(): string {
    return Buffer.concat(this.#parts).toString('utf8');
  }
}

/** Splits at newlines and carriage returns (progress bars); a line without end is passed on in bounded pieces. */
class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(chunk: Buffer): void {
    const pieces = (this.#rest + this.#decoder.write(chunk)).split(/\r\n|\n|\r/);
    this.#rest = pieces.pop() ?? '';
    for (const piece of pieces) this.#onLine(piece);
    if (this.#rest.length > 64 * 1024) this.end();
  }

  end(): void {
    if (this.#rest !== '') this.#onLine(this.#rest);
    this.#rest = '';
  }
}
