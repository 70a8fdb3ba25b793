import { spawn } from 'node:child_process';

/** How a program is run; everything not given is inherited. */
export interface RunOptions {
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  /** Milliseconds after which the program is ended; ten minutes unless told. */
  timeout?: number;
}

/** Exit code of setpriv, as of a shell, when the program does not exist. */
const NOT_FOUND = 127;
const KEPT_OF_STDERR = 4000;
const DEADLINE = 600_000;

/**
 * Runs a program without a shell and returns its standard output.
 * Rejects with the program's own last words when it cannot be started, exits non-zero or takes too long.
 */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // The kernel ends the program when this process is killed: what goes on alone would disturb the next attempt.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], {
      cwd: options.cwd,
      env: options.env ? { ...process.env, ...options.env } : process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeout ?? DEADLINE,
    });
    const output: Buffer[] = [];
    let complaint = '';
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString('utf8')).slice(-KEPT_OF_STDERR);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(Buffer.concat(output));
      if (code === NOT_FOUND) return reject(new Error(`the program ${program} is not installed`));
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
      reject(new Error(`${program} ${args.slice(0, 3).join(' ')}: ${how}: ${complaint.trim()}`));
    });
  });
}
