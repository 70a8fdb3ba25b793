import type { Dispatcher } from 'undici';
import { request } from 'undici';
import type { Clock } from '../../lib/clock.ts';
import { mintControlToken } from '../../lib/protocol/token.ts';
import { type ListedUpload, uploadList } from '../../lib/protocol/upload.ts';

/** What the publisher is asked about uploads. */
export interface UploadStore {
  list(signal: AbortSignal): Promise<ListedUpload[]>;
  /** Also fine when there is none. */
  delete(id: string, signal: AbortSignal): Promise<void>;
}

const TIMEOUT_MS = 15_000;

export interface UploadStoreOptions {
  publisherURL: string;
  tokenKey: Uint8Array;
  clock: Clock;
  dispatcher: Dispatcher;
}

/** Every failure is a plain Error: the next round asks again. */
export function createUploadStore({ publisherURL, tokenKey, clock, dispatcher }: UploadStoreOptions): UploadStore {
  async function call(method: 'GET' | 'DELETE', path: string, expected: number, signal: AbortSignal): Promise<string> {
    const token = await mintControlToken(tokenKey, 'kopr-operator', 'publisher', clock);
    const answer = await request(`${publisherURL}${path}`, {
      method,
      dispatcher,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      signal,
      headers: { authorization: `Bearer ${token}` },
    });
    const text = await answer.body.text();
    if (answer.statusCode === expected) return text;
    throw new Error(`the publisher answers ${method} ${path} with status ${answer.statusCode}`);
  }
  return {
    list: async (signal) => uploadList.parse(JSON.parse(await call('GET', '/v1/uploads', 200, signal))).uploads,
    async delete(id, signal) {
      await call('DELETE', `/v1/uploads/${id}`, 204, signal);
    },
  };
}
