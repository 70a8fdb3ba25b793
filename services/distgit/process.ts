import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { RetryableError } from './errors.ts';

/** Nothing of this process' own environment (tokens, proxies, user configuration) reaches a tool. */
export const TOOL_ENV: Readonly<Record<string, string>> = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  LC_ALL: 'C.UTF-8',
  TZ: 'UTC',
  HOME: '/nonexistent',
};

export interface RunOptions {
  signal: AbortSignal;
  env?: Readonly<Record<string, string>>;
  input?: string | Buffer;
  /** Output beyond this many bytes ends the process and fails the run. */
  maxOutput?: number;
}

export interface RunResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

const DEFAULT_MAX_OUTPUT = 1024 * 1024;
const MAX_STDERR = 16 * 1024;

/** Kills the process and whatever it started: it must lead a process group of its own (`detached`). */
export function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

/** Collects the first `max` bytes of a stream; `overflow` is called once when there are more. */
export function collect(stream: NodeJS.ReadableStream, max: number, overflow: () => void): () => Buffer {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size >= max) return;
    chunks.push(chunk.subarray(0, max - size));
    size += chunk.length;
    if (size > max) overflow();
  });
  return () => Buffer.concat(chunks);
}

/** Runs a tool to its end; a non-zero exit code is the caller's to judge. */
export async function run(command: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  options.signal.throwIfAborted();
  const child = spawn(command, [...args], {
    cwd: '/',
    env: { ...TOOL_ENV, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const kill = (): void => killGroup(child);
  let tooMuch = false;
  const stdout = collect(child.stdout, options.maxOutput ?? DEFAULT_MAX_OUTPUT, () => {
    tooMuch = true;
    kill();
  });
  const stderr = collect(child.stderr, MAX_STDERR, () => undefined);
  // A tool that ends before it has read its input is reported by its exit code.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  options.signal.addEventListener('abort', kill, { once: true });
  try {
    const [code, killedBy] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    options.signal.throwIfAborted();
    if (tooMuch) throw new RetryableError('ToolFailed', `${command} printed more than it may`);
    if (code === null) throw new RetryableError('ToolFailed', `${command} was ended by ${killedBy}`);
    return { exitCode: code, stdout: stdout().toString(), stderr: stderr().toString() };
  } finally {
    options.signal.removeEventListener('abort', kill);
  }
}
