import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** Real processes for tests: started, awaited until they are ready, and ended. */

const START_MS = 20_000;
const KEPT_OUTPUT = 100_000;

export type Exit = number | NodeJS.Signals | null;

export interface RunningProcess {
  pid: number;
  /** Everything it has printed, for messages of failed tests. */
  output: () => string;
  /** Resolves with its exit code, or its signal, when it has ended. */
  ended: Promise<Exit>;
  /** Ends it and resolves with its exit code, or its signal. */
  end(signal: NodeJS.Signals): Promise<Exit>;
}

export interface ProcessOptions {
  /** For messages. */
  name: string;
  command: string;
  args: readonly string[];
  /** The whole environment besides PATH. */
  environment: Record<string, string>;
}

/**
 * Resolves with what `ready` resolves with. Rejects with the process's output when it ends before that, or takes longer than 20 s; it
 * is dead then. `ready` gets each line of the standard output that comes from then on.
 */
export async function startProcess<T>(
  options: ProcessOptions,
  ready: (onLine: (listener: (line: string) => void) => void) => Promise<T>,
): Promise<{ running: RunningProcess; ready: T }> {
  const child = spawn(options.command, options.args, {
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-KEPT_OUTPUT);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject);
    // Not `exit`: only with `close` has everything it has printed been read.
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  const end = (signal: NodeJS.Signals): Promise<Exit> => {
    child.kill(signal);
    return ended;
  };
  const lines = createInterface(child.stdout);
  const timer = new AbortController();
  const early = ended.then((exit) => {
    throw new Error(`${options.name} ended with ${exit} before it was ready: ${output}`);
  });
  const late = sleep(START_MS, undefined, { signal: timer.signal }).then(async () => {
    await end('SIGKILL');
    throw new Error(`${options.name} was not ready within ${START_MS} ms: ${output}`);
  });
  for (const promise of [early, late]) promise.catch(() => undefined);
  try {
    const value = await Promise.race([ready((listener) => lines.on('line', listener)), early, late]);
    return { running: { pid: child.pid ?? 0, output: () => output, ended, end }, ready: value };
  } finally {
    timer.abort();
  }
}

export interface RunningService<Ports extends object> extends RunningProcess {
  ports: Ports;
}

/** Starts one of our services from its source. It is ready when its log says `<name> is ready`, with its ports. */
export async function startService<Ports extends object>(
  name: string,
  main: string,
  environment: Record<string, string>,
): Promise<RunningService<Ports>> {
  const { running, ready } = await startProcess(
    { name, command: process.execPath, args: [main], environment },
    (onLine) =>
      new Promise<Ports>((resolve) => {
        onLine((line) => {
          const record: { msg?: string; ports?: Ports } = JSON.parse(line);
          if (record.msg === `${name} is ready` && record.ports !== undefined) resolve(record.ports);
        });
      }),
  );
  return { ...running, ports: ready };
}
