import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

export interface RunOptions {
  /** Milliseconds; the default is ten minutes. */
  timeoutMs?: number;
  input?: string;
  env?: Record<string, string>;
  /** Do not show what the command says on standard error; it is still in the error when the command fails. */
  quiet?: boolean;
}

const DEFAULT_TIMEOUT_MS = 600_000;

/** Runs a program without a shell and returns its standard output. Its standard error is shown as it comes. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...process.env, ...options.env },
      stdio: 'pipe',
      timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      if (options.quiet) errors += chunk;
      else process.stderr.write(chunk);
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) {
        resolve(output);
        return;
      }
      const how =
        signal === null
          ? `exit code ${code}`
          : `signal ${signal} (after ${(options.timeoutMs ?? DEFAULT_TIMEOUT_MS) / 1000} s it is ended)`;
      reject(new CommandError(`${command} ${args.join(' ')} failed: ${how}`, output, errors));
    });
  });
}

export class CommandError extends Error {
  readonly output: string;
  readonly errors: string;
  constructor(message: string, output: string, errors: string) {
    super([message, errors.trim()].filter((part) => part !== '').join('\n'));
    this.name = 'CommandError';
    this.output = output;
    this.errors = errors;
  }
}

/** What the last line of a program's output names. */
export function lastLine(output: string): string {
  return output.trimEnd().split('\n').at(-1) ?? '';
}
