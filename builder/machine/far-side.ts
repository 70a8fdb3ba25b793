import type { Readable } from 'node:stream';
import { MACHINE_ROOT } from '../../lib/protocol/machine.ts';
import { oneSentence } from '../../lib/text/one-sentence.ts';
import type { Connection, ExecOptions, ExecResult } from './connection.ts';
import { MachineRefused } from './errors.ts';
import type { Kit } from './kit.ts';

/** Where the detached run is; `none`: the machine knows nothing of the task, `vanished`: it was restarted, for instance. */
export type RunState = 'none' | 'ready' | 'running' | 'ended' | 'vanished';

export interface Polled {
  state: RunState;
  /** Exit code of the run that has ended. */
  code: number;
  /** Has a verdict been written? */
  verdict: boolean;
  /** Bytes that the log has. */
  size: number;
  /** Those from the offset that was asked for. */
  log: Buffer;
}

export interface FarResult {
  name: string;
  size: number;
  sha256: string;
}

const SHORT_MS = 60_000;
/** Digests of gigabytes, unpacking, removing a build root. */
const LONG_MS = 1_800_000;
const HEADER = /^kopr (none|ready|running|ended|vanished) (\d{1,3}) (yes|no) (\d{1,15}) (\d{1,15})$/;
const MAX_HEADER = 200;
const MAX_LISTING = 4 * 1024 ** 2;

/** The operations of far/far.sh over one connection. Each may be repeated. */
export class FarSide {
  readonly #connection: Connection;
  readonly #kit: Kit;
  readonly #user: string;
  readonly #slot: string;
  readonly #signal: AbortSignal | undefined;

  constructor(connection: Connection, kit: Kit, target: { user: string; slot: number }, signal?: AbortSignal) {
    this.#connection = connection;
    this.#kit = kit;
    this.#user = target.user;
    this.#slot = String(target.slot);
    this.#signal = signal;
  }

  /** Puts the scripts there that everything else is done by. */
  async install(): Promise<void> {
    const words = ['/bin/sh', '-c', this.#kit.bootstrap, 'bootstrap', this.#slot, this.#kit.name];
    await this.#checked(words, { what: 'sending the scripts', timeoutMs: SHORT_MS, input: this.#kit.archive });
  }

  async describe(): Promise<{ architecture: string; engines: string[] }> {
    const { stdout } = await this.#operate(['describe'], 'looking at the machine', SHORT_MS);
    const [, architecture, engines] =
      /^architecture=(\w{1,64}) engines=([a-z,]{0,64})\n$/.exec(stdout.toString()) ?? [];
    if (architecture === undefined) throw new MachineRefused('the machine does not say what it is');
    return { architecture, engines: (engines ?? '').split(',').filter((engine) => engine !== '') };
  }

  /** The slot is this task's from now on. Resolves with the port of its tunnel, if it has one. */
  async begin(task: string): Promise<number | undefined> {
    const { stdout } = await this.#operate(['begin', task], 'taking the slot', LONG_MS);
    const [, port] = /^port=(\d{1,5})\n$/.exec(stdout.toString()) ?? [];
    return port === undefined ? undefined : Number(port);
  }

  async tunnel(port: number, generation: string): Promise<void> {
    await this.#operate(['tunnel', String(port), generation], 'announcing the tunnel', SHORT_MS);
  }

  /** Bytes of the inputs that have arrived; `all` once they were unpacked. */
  async received(task: string): Promise<number | 'all'> {
    const { stdout } = await this.#operate(['received', task], 'asking for the inputs', SHORT_MS);
    const text = stdout.toString().trim();
    if (text !== 'all' && !/^\d{1,15}$/.test(text)) throw new MachineRefused('the machine does not say what it has');
    return text === 'all' ? 'all' : Number(text);
  }

  async receive(task: string, offset: number, input: Readable): Promise<void> {
    await this.#operate(['receive', task, String(offset)], 'sending the inputs', LONG_MS, { input });
  }

  async unpack(task: string, sha256: string): Promise<void> {
    await this.#operate(['unpack', task, sha256], 'unpacking the inputs', LONG_MS);
  }

  async start(task: string): Promise<void> {
    await this.#operate(['start', task], 'starting the build', SHORT_MS);
  }

  async poll(task: string, offset: number, most: number): Promise<Polled> {
    const { stdout } = await this.#operate(
      ['poll', task, String(offset), String(most)],
      'asking for the log',
      SHORT_MS,
      {
        maxBytes: most + MAX_HEADER,
      },
    );
    return parsePolled(stdout);
  }

  /** Resolves with what lies in the results directory; `odd` counts what is no plain file with an ordinary name. */
  async results(task: string): Promise<{ lines: string[]; odd: number }> {
    const options = { maxBytes: MAX_LISTING };
    const { stdout } = await this.#operate(['results', task], 'listing the results', LONG_MS, options);
    const lines = stdout.toString('latin1').split('\n');
    lines.pop();
    const [, odd] = /^odd (\d{1,9})$/.exec(lines.pop() ?? '') ?? [];
    if (odd === undefined) throw new MachineRefused('the list of the results is not whole');
    return { lines, odd: Number(odd) };
  }

  async read(
    task: string,
    name: string,
    offset: number,
    count: number,
    onData: (chunk: Buffer) => void,
  ): Promise<void> {
    const what = `fetching ${name}`;
    await this.#operate(['read', task, name, String(offset), String(count)], what, LONG_MS, {
      onData,
      maxBytes: count,
    });
  }

  /** The last words of a run that has ended without a verdict. */
  async complaint(task: string): Promise<string> {
    const { stdout } = await this.#operate(['complaint', task], 'asking what went wrong', SHORT_MS);
    return oneSentence(stdout.toString('utf8'));
  }

  async uploaded(task: string): Promise<void> {
    await this.#operate(['uploaded', task], 'saying that the results are here', SHORT_MS);
  }

  async cancel(task: string): Promise<void> {
    await this.#operate(['cancel', task], 'cancelling the build', SHORT_MS);
  }

  async clean(): Promise<void> {
    await this.#operate(['clean'], 'cleaning the machine', LONG_MS);
  }

  #operate(
    words: readonly string[],
    what: string,
    timeoutMs: number,
    more: Partial<ExecOptions> = {},
  ): Promise<ExecResult> {
    const script = `${MACHINE_ROOT}/${this.#slot}/${this.#kit.name}/far.sh`;
    return this.#checked(['/bin/sh', script, this.#slot, ...words], { what, timeoutMs, ...more });
  }

  async #checked(words: readonly string[], options: ExecOptions): Promise<ExecResult> {
    const asRoot = this.#user === 'root' ? words : ['sudo', '-n', ...words];
    const result = await this.#connection.exec(asRoot, { signal: this.#signal, ...options });
    if (result.code === 0) return result;
    const why = oneSentence(result.stderr.replaceAll('kopr: ', '')) || `it ended with code ${result.code}`;
    throw new MachineRefused(`${options.what} failed on the machine: ${why}`);
  }
}

/** A line that says how much follows, and so much. Throws for anything else: half an answer is none. */
export function parsePolled(answer: Buffer): Polled {
  const end = answer.subarray(0, MAX_HEADER).indexOf('\n');
  const [, state, code, verdict, size, count] =
    HEADER.exec(answer.subarray(0, Math.max(0, end)).toString('latin1')) ?? [];
  const log = answer.subarray(end + 1);
  if (state === undefined || log.length !== Number(count)) {
    throw new MachineRefused('the machine does not answer as it should; what is in the way of its shell?');
  }
  return { state: state as RunState, code: Number(code), verdict: verdict === 'yes', size: Number(size), log };
}
