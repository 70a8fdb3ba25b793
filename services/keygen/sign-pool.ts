import type { KeyObject } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import type { HashName } from '../../lib/openpgp/hash.ts';
import { hashes } from '../../lib/openpgp/hash.ts';

/**
 * Threads that make RSA signatures over given digests. Node can do this only synchronously (its asynchronous `sign` hashes the data itself),
 * and one RSA-4096 operation blocks for 1.5 to 3.5 ms: in the main thread a request with a hundred digests would stop every other connection.
 * A thread costs about 15 MB, so threads start on demand and end after a minute without work.
 */

/**
 * Plain JavaScript of the thread: a string, because the service is shipped as one bundled file. `key` is a KeyObject, which threads share
 * without a copy of its bytes.
 */
const workerSource = `
const { parentPort } = require('node:worker_threads');
const { constants, privateEncrypt } = require('node:crypto');
parentPort.on('message', ({ key, digestInfo }) => {
  try {
    parentPort.postMessage({ signature: privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, digestInfo) });
  } catch (error) {
    parentPort.postMessage({ error: String(error && error.message) });
  }
});
`;

interface Job {
  key: KeyObject;
  digestInfo: Buffer;
  resolve: (signature: Buffer) => void;
  reject: (error: Error) => void;
}

interface Thread {
  worker: Worker;
  job: Job | undefined;
  idleTimer: NodeJS.Timeout | undefined;
}

export interface SignPoolOptions {
  size: number;
  /** Waiting digests beyond which new ones are refused. */
  maxWaiting?: number;
  /** Milliseconds without work after which a thread ends. */
  idleMs?: number;
}

export class SignPool {
  readonly #options: Required<SignPoolOptions>;
  readonly #threads = new Set<Thread>();
  readonly #waiting: Job[] = [];
  #closed = false;

  constructor(options: SignPoolOptions) {
    this.#options = { maxWaiting: 10_000, idleMs: 60_000, ...options };
  }

  get threads(): number {
    return this.#threads.size;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** PKCS#1 v1.5 signature of `digest`, the big-endian number as long as the modulus. Rejects when the queue is full or the thread dies. */
  sign(key: KeyObject, hash: HashName, digest: Buffer): Promise<Buffer> {
    const algorithm = hashes[hash];
    return new Promise((resolve, reject) => {
      if (digest.length !== algorithm.length)
        throw new Error(`a ${hash} digest has ${algorithm.length} bytes, not ${digest.length}`);
      if (this.#closed) throw new Error('keygen is stopping');
      if (this.#waiting.length >= this.#options.maxWaiting)
        throw new Error('too many signatures are waiting; try again later');
      this.#waiting.push({ key, digestInfo: Buffer.concat([algorithm.digestInfoPrefix, digest]), resolve, reject });
      this.#dispatch();
    });
  }

  /** Ends all threads; what is under way is rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#waiting.splice(0)) job.reject(new Error('keygen is stopping'));
    await Promise.all([...this.#threads].map((thread) => thread.worker.terminate()));
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#idleThread();
      if (thread === undefined) return;
      const job = this.#waiting.shift();
      if (job === undefined) return;
      clearTimeout(thread.idleTimer);
      thread.job = job;
      thread.worker.postMessage({ key: job.key, digestInfo: job.digestInfo });
    }
  }

  #idleThread(): Thread | undefined {
    for (const thread of this.#threads) if (thread.job === undefined) return thread;
    return this.#threads.size < this.#options.size ? this.#startThread() : undefined;
  }

  #startThread(): Thread {
    const worker = new Worker(workerSource, {
      eval: true,
      env: {},
      resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 32 },
    });
    worker.unref();
    const thread: Thread = { worker, job: undefined, idleTimer: undefined };
    this.#threads.add(thread);
    worker.on('message', (answer: { signature?: Uint8Array; error?: string }) => {
      const { job } = thread;
      thread.job = undefined;
      if (answer.signature !== undefined) job?.resolve(Buffer.from(answer.signature));
      else job?.reject(new Error(`the signature could not be made: ${answer.error ?? 'unknown reason'}`));
      this.#dispatch();
      if (thread.job === undefined) this.#retireLater(thread);
    });
    const lost = (reason: string): void => {
      if (!this.#threads.delete(thread)) return;
      clearTimeout(thread.idleTimer);
      thread.job?.reject(new Error(`the signing thread ended: ${reason}`));
      if (!this.#closed) this.#dispatch();
    };
    worker.on('error', (error) => lost(error instanceof Error ? error.message : String(error)));
    worker.on('exit', (code) => lost(`exit code ${code}`));
    return thread;
  }

  #retireLater(thread: Thread): void {
    clearTimeout(thread.idleTimer);
    thread.idleTimer = setTimeout(() => {
      this.#threads.delete(thread);
      void thread.worker.terminate();
    }, this.#options.idleMs);
    thread.idleTimer.unref();
  }
}
