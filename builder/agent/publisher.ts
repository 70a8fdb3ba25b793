import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { request } from 'undici';
import { z } from 'zod';
import { TerminalError } from '../../lib/errors.ts';
import type { TaskManifest } from '../../lib/protocol/publisher.ts';
import { apiError } from '../../lib/protocol/publisher.ts';

export interface PublisherOptions {
  baseURL: string;
  task: string;
  /** Good for this task alone; never logged, never in an error. */
  token: string;
  dispatcher: Dispatcher;
}

export interface LogAnswer {
  /** Did the publisher take the bytes? When not, `offset` was not where its copy ends. */
  accepted: boolean;
  /** Bytes the publisher has now. */
  size: number;
}

/** Code of the publisher's answer to whatever comes after the manifest. */
export const TASK_COMPLETE = 'TaskComplete';
/** Code of its answer when another build has the results directory, which will not change. */
export const DIRECTORY_IN_USE = 'DirectoryInUse';
/** Code of its answer to a piece of log that does not begin where its copy ends. Other conflicts will not change. */
const WRONG_OFFSET = 'WrongOffset';

const REQUEST_MS = 60_000;
/** An upload slower than this has stalled. */
const MIN_BYTES_PER_SECOND = 128 * 1024;
const sizeAnswer = z.object({ size: z.int().min(0) });

/**
 * One try per call. Rejects with TerminalError `TaskComplete` when the task has its manifest already (an earlier agent of the pod has sent
 * it), `DirectoryInUse` when another build has its results directory, `PublisherRefused` for any other answer that will not change (4xx), and with a plain Error for everything that may pass.
 */
export class Publisher {
  readonly #options: PublisherOptions;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  async appendLog(name: string, offset: number, data: Buffer, signal: AbortSignal): Promise<LogAnswer> {
    const path = `log/${encodeURIComponent(name)}?offset=${offset}`;
    const answer = await this.#send(
      'POST',
      path,
      { 'content-type': 'application/octet-stream' },
      data,
      REQUEST_MS,
      signal,
    );
    if (answer.has(WRONG_OFFSET)) {
      return { accepted: false, size: sizeAnswer.parse(answer.json()).size };
    }
    answer.check();
    return { accepted: true, size: sizeAnswer.parse(answer.json()).size };
  }

  async putFile(name: string, sha256: string, size: number, body: Readable, signal: AbortSignal): Promise<void> {
    const headers = {
      'content-type': 'application/octet-stream',
      'content-length': String(size),
      'x-kopr-sha256': sha256,
    };
    const timeout = REQUEST_MS + Math.ceil(size / MIN_BYTES_PER_SECOND) * 1000;
    (await this.#send('PUT', `files/${encodeURIComponent(name)}`, headers, body, timeout, signal)).check();
  }

  async complete(manifest: TaskManifest, signal: AbortSignal): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    (await this.#send('POST', 'complete', headers, JSON.stringify(manifest), REQUEST_MS, signal)).check();
  }

  async #send(
    method: 'POST' | 'PUT',
    path: string,
    headers: Record<string, string>,
    body: Buffer | string | Readable,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { baseURL, task, token, dispatcher } = this.#options;
    const answer = await request(`${baseURL.replace(/\/+$/, '')}/v1/tasks/${encodeURIComponent(task)}/${path}`, {
      method,
      headers: { ...headers, authorization: `Bearer ${token}` },
      body,
      dispatcher,
      headersTimeout: timeoutMs,
      bodyTimeout: REQUEST_MS,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    return new Answer(`${method} ${path.split('?')[0]}`, answer.statusCode, await answer.body.text());
  }
}

class Answer {
  readonly status: number;
  readonly #what: string;
  readonly #text: string;

  constructor(what: string, status: number, text: string) {
    this.#what = what;
    this.status = status;
    this.#text = text;
  }

  has(code: string): boolean {
    return this.status === 409 && this.#error()?.code === code;
  }

  json(): unknown {
    return JSON.parse(this.#text);
  }

  check(): void {
    if (this.status >= 200 && this.status < 300) return;
    const message = `the publisher answered ${this.#what} with status ${this.status}: ${this.#reason()}`;
    if (this.has(TASK_COMPLETE)) throw new TerminalError(TASK_COMPLETE, message);
    if (this.has(DIRECTORY_IN_USE)) throw new TerminalError(DIRECTORY_IN_USE, message);
    if (this.status >= 400 && this.status < 500 && ![408, 425, 429].includes(this.status)) {
      throw new TerminalError('PublisherRefused', message);
    }
    throw new Error(message);
  }

  #reason(): string {
    return this.#error()?.message ?? this.#text.slice(0, 200);
  }

  #error(): { code: string; message: string } | undefined {
    try {
      return apiError.parse(this.json()).error;
    } catch {
      return undefined;
    }
  }
}
