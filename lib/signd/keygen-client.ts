import { request } from 'node:https';
import type { Clock } from '../clock.ts';
import { DeadlineError, errorMessage } from '../errors.ts';
import type { Logger } from '../log.ts';
import { UnknownKeyError } from './client.ts';
import type { SigndEndpoint } from './exchange.ts';
import { open } from './exchange.ts';

/** What a key is made for: `email` is the signing identity `{owner}#{project}@copr.{domain}`. */
export interface KeyRequest {
  name: string;
  email: string;
}

/** keygen answered with an error status. 4xx is final, 5xx may pass. */
export class KeygenHttpError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(`keygen answered ${status}: ${message}`);
    this.name = 'KeygenHttpError';
    this.status = status;
  }
}

export interface KeygenClientOptions {
  /** Port of keygen-httpd; `secureContext` is needed, since it speaks HTTPS with client certificates only. */
  endpoint: SigndEndpoint;
  clock: Clock;
  log: Logger;
  /** For one attempt, milliseconds; default 60 s, since RSA keys are made meanwhile. */
  attemptTimeoutMs?: number;
  /** Pauses between attempts, milliseconds; default 1 s, 2 s, 4 s. */
  backoffMs?: readonly number[];
}

const maxBodyLength = 256 * 1024;

/** Client of keygen-httpd. Connection trouble and 5xx answers are tried again after each pause; making a key twice makes one key. */
export class KeygenClient {
  readonly #options: Required<KeygenClientOptions>;

  constructor(options: KeygenClientOptions) {
    this.#options = { attemptTimeoutMs: 60_000, backoffMs: [1_000, 2_000, 4_000], ...options };
  }

  async ping(signal?: AbortSignal): Promise<void> {
    await this.#request('GET', '/ping', undefined, signal);
  }

  /** Resolves once the key exists. */
  async generateKey(key: KeyRequest, signal?: AbortSignal): Promise<'created' | 'exists'> {
    const body = JSON.stringify({ name_real: key.name, name_email: key.email });
    const answer = await this.#request('POST', '/gen_key', body, signal);
    return answer.status === 201 ? 'created' : 'exists';
  }

  /** The armored certificate. Throws UnknownKeyError. */
  async publicKey(email: string, signal?: AbortSignal): Promise<string> {
    try {
      return (await this.#request('GET', `/pubkey/${encodeURIComponent(email)}`, undefined, signal)).body;
    } catch (error) {
      if (error instanceof KeygenHttpError && error.status === 404) throw new UnknownKeyError(email);
      throw error;
    }
  }

  async #request(
    method: string,
    path: string,
    body: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const { endpoint, attemptTimeoutMs, backoffMs, clock, log } = this.#options;
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await send(endpoint, method, path, body, attemptTimeoutMs, signal);
        if (answer.status < 300) return answer;
        throw new KeygenHttpError(answer.status, answer.body.trim().slice(0, 500));
      } catch (error) {
        const pause = backoffMs[attempt];
        const final = error instanceof KeygenHttpError && error.status < 500;
        if (pause === undefined || final || signal?.aborted === true) throw error;
        log.warn(
          { attempt: attempt + 1, pauseMs: pause, error: errorMessage(error) },
          'request to keygen-httpd failed, trying again',
        );
        await clock.sleep(pause, signal);
      }
    }
  }
}

interface Answer {
  status: number;
  body: string;
}

function send(
  endpoint: SigndEndpoint,
  method: string,
  path: string,
  body: string | undefined,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    if (endpoint.secureContext === undefined)
      throw new Error('keygen-httpd needs a client certificate: give its files');
    const deadline = AbortSignal.timeout(timeoutMs);
    const outgoing = request({
      createConnection: () => open(endpoint),
      host: endpoint.host,
      method,
      path,
      headers:
        body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    });
    const fail = (error: Error): void => {
      if (signal?.aborted === true) reject(signal.reason);
      else if (deadline.aborted) reject(new DeadlineError(`${method} ${path} at keygen-httpd`, timeoutMs));
      else reject(error);
    };
    outgoing.on('error', fail);
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      let received = 0;
      incoming.on('data', (chunk: Buffer) => {
        received += chunk.length;
        if (received > maxBodyLength) incoming.destroy(new Error('the answer of keygen-httpd is too long'));
        else chunks.push(chunk);
      });
      incoming.on('error', fail);
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    outgoing.end(body);
  });
}
