import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Algorithms, ClientChannel, ServerHostKeyAlgorithm } from 'ssh2';
import ssh2 from 'ssh2';
import type { Clock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { Access } from './access.ts';
import { ConnectionLost, HostKeyError, MachineRefused } from './errors.ts';
import { hostKeyVerdict } from './host-key.ts';
import { commandLine } from './quote.ts';

export interface ExecOptions {
  /** Names the operation in errors. */
  what: string;
  timeoutMs: number;
  input?: Buffer | Readable;
  /** Given the output as it comes; without it the output is kept, up to `maxBytes`. */
  onData?: (chunk: Buffer) => void;
  maxBytes?: number;
  signal?: AbortSignal | undefined;
}

export interface ExecResult {
  code: number;
  stdout: Buffer;
  /** The first of it. */
  stderr: string;
}

const MAX_STDERR = 16 * 1024;
const MAX_STDOUT = 1024 ** 2;
/** Missed answers to keep-alive messages after which the connection counts as lost. */
const MISSED = 3;

const NO_FORWARDING =
  'the sshd of the machine forwards no ports; set AllowTcpForwarding to yes or remote, or let the pool reach repositories directly (ssh.repositories: Direct)';

/** One SSH connection, logged in. Every operation on it has a deadline; after one that has passed it is closed. */
export class Connection {
  /** The key that the machine has shown, as type and base64. */
  readonly hostKey: string;
  /** Aborted once the connection is gone. */
  readonly gone: AbortSignal;
  readonly #client: ssh2.Client;
  readonly #clock: Clock;

  private constructor(client: ssh2.Client, clock: Clock, hostKey: string, gone: AbortSignal) {
    this.#client = client;
    this.#clock = clock;
    this.hostKey = hostKey;
    this.gone = gone;
  }

  /** Rejects with HostKeyError for a wrong host key, and with ConnectionLost whatever else goes wrong. */
  static async open(access: Access, clock: Clock, signal?: AbortSignal): Promise<Connection> {
    const { target } = access;
    const client = new ssh2.Client();
    const gone = new AbortController();
    const lose = (why: string): void => {
      if (!gone.signal.aborted) gone.abort(new ConnectionLost(`the connection to ${target.name} was lost: ${why}`));
    };
    let hostKey = '';
    let refused: HostKeyError | undefined;
    // Errors may come at any time, also when nobody asks for anything.
    client.on('error', (error) => lose(errorMessage(error)));
    client.on('close', () => lose('it was closed'));
    const config: ssh2.ConnectConfig = {
      host: target.host,
      port: target.port,
      username: target.user,
      authHandler: ['publickey'],
      privateKey: access.privateKey,
      keepaliveInterval: target.keepAliveSeconds * 1000,
      keepaliveCountMax: MISSED,
      readyTimeout: 0,
      algorithms: algorithms(access.hostKeys),
      hostVerifier: (key: Buffer) => {
        const verdict = hostKeyVerdict(key, access);
        if (verdict.ok) hostKey = verdict.key;
        else refused = new HostKeyError(verdict.problem);
        return verdict.ok;
      },
    };
    const what = `connecting to ${target.name} at ${target.host} port ${target.port}`;
    try {
      await withDeadline({ clock, ms: target.connectTimeoutSeconds * 1000, what, signal }, (stop) =>
        ready(client, config, gone.signal, stop),
      );
      return new Connection(client, clock, hostKey, gone.signal);
    } catch (error) {
      client.destroy();
      signal?.throwIfAborted();
      if (refused !== undefined) throw refused;
      if (/no matching host key format/.test(errorMessage(error))) {
        throw new HostKeyError(`${target.name} shows host keys of other types than those it is known by`);
      }
      throw new ConnectionLost(loginProblem(error, target.user, what));
    }
  }

  /**
   * Runs a program with exactly these arguments through the login shell, which must be a POSIX shell. Resolves with its
   * exit code whatever that is; rejects with ConnectionLost, and with DeadlineError when its time is up.
   */
  async exec(words: readonly string[], options: ExecOptions): Promise<ExecResult> {
    this.gone.throwIfAborted();
    const { what, timeoutMs: ms, signal } = options;
    try {
      return await withDeadline({ clock: this.#clock, ms, what, signal }, (stop) => this.#exec(words, options, stop));
    } catch (error) {
      // What has not ended in time may still go on there; and a connection that cannot be used is of no use.
      this.close();
      throw error;
    }
  }

  #exec(words: readonly string[], options: ExecOptions, stop: AbortSignal): Promise<ExecResult> {
    return this.#settled<ExecResult>(stop, (resolve, reject) => {
      this.#client.exec(commandLine(words), (error, channel) => {
        if (error !== undefined) {
          reject(new ConnectionLost(errorMessage(error)));
          return;
        }
        // At once: all that a short program has to say may be here already, and its exit code is not said twice.
        collect(channel, options, resolve, reject);
        feed(channel, options.input).catch((problem: unknown) => {
          // A program that ends before it has read everything is no error: its exit code says what it is.
          if (options.input !== undefined && !Buffer.isBuffer(options.input) && options.input.errored) reject(problem);
        });
      });
    });
  }

  /** Asks the machine to listen on its own loopback address; 0 lets it choose the port. Resolves with the port. */
  async forwardIn(port: number, timeoutMs: number, onConnection: (channel: ClientChannel) => void): Promise<number> {
    this.gone.throwIfAborted();
    const deadline = { clock: this.#clock, ms: timeoutMs, what: 'the forwarding of a port of the machine' };
    this.#client.on('tcp connection', (_details, accept) => onConnection(accept()));
    return await withDeadline(deadline, (stop) =>
      this.#settled<number>(stop, (resolve, reject) =>
        this.#client.forwardIn('127.0.0.1', port, (error, chosen) => {
          if (!error) resolve(chosen ?? port);
          else if (port !== 0) reject(new ConnectionLost(`port ${port} of the machine is not free for the tunnel`));
          else reject(new MachineRefused(NO_FORWARDING));
        }),
      ),
    );
  }

  close(): void {
    this.#client.destroy();
  }

  /** Settles as `work` does, or when the connection or the deadline ends. */
  #settled<T>(
    stop: AbortSignal,
    work: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
  ): Promise<T> {
    return untilAborted([stop, this.gone], work);
  }
}

function untilAborted<T>(
  signals: readonly AbortSignal[],
  work: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const over = new AbortController();
    const settle = (finish: () => void): void => {
      over.abort();
      finish();
    };
    for (const signal of signals) {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => settle(() => reject(signal.reason)), { once: true, signal: over.signal });
    }
    work(
      (value) => settle(() => resolve(value)),
      (error) => settle(() => reject(error)),
    );
  });
}

function ready(client: ssh2.Client, config: ssh2.ConnectConfig, gone: AbortSignal, stop: AbortSignal): Promise<void> {
  return untilAborted([gone, stop], (resolve) => {
    client.on('ready', () => resolve());
    client.connect(config);
  });
}

function collect(
  channel: ClientChannel,
  options: ExecOptions,
  resolve: (result: ExecResult) => void,
  reject: (error: unknown) => void,
): void {
  const limit = options.maxBytes ?? MAX_STDOUT;
  const parts: Buffer[] = [];
  let size = 0;
  let stderr = '';
  let code: number | undefined;
  channel.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > limit) reject(new Error(`${options.what} answered with more than ${limit} bytes`));
    else if (options.onData) options.onData(chunk);
    else parts.push(chunk);
  });
  channel.stderr.on('data', (chunk: Buffer) => {
    if (stderr.length < MAX_STDERR) stderr += chunk.toString('utf8');
  });
  channel.on('exit', (status: number | null) => {
    code = status ?? 255;
  });
  channel.on('error', reject);
  channel.on('close', () => {
    if (code === undefined) reject(new ConnectionLost(`${options.what} was cut off`));
    else resolve({ code, stdout: Buffer.concat(parts), stderr });
  });
}

async function feed(channel: ClientChannel, input: Buffer | Readable | undefined): Promise<void> {
  if (input === undefined || Buffer.isBuffer(input)) channel.end(input);
  else await pipeline(input, channel);
}

/** Only types of which a key is known, so that a machine with several keys shows one of them. SHA-1 is not among them. */
function algorithms(hostKeys: readonly string[]): Algorithms {
  const types = new Set(hostKeys.map((key) => key.split(' ')[0]));
  const all: [string, ServerHostKeyAlgorithm][] = [
    ['ssh-ed25519', 'ssh-ed25519'],
    ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp256'],
    ['ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp384'],
    ['ecdsa-sha2-nistp521', 'ecdsa-sha2-nistp521'],
    ['ssh-rsa', 'rsa-sha2-512'],
    ['ssh-rsa', 'rsa-sha2-256'],
  ];
  const usable = all.filter(([type]) => types.size === 0 || types.has(type));
  return { serverHostKey: usable.map(([, algorithm]) => algorithm) };
}

function loginProblem(error: unknown, user: string, what: string): string {
  if (/authentication methods failed/.test(errorMessage(error))) {
    return `${what} failed: it does not take the SSH key for the user ${user}`;
  }
  return `${what} failed: ${errorMessage(error)}`;
}
