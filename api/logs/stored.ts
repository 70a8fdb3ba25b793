import type { Dispatcher } from 'undici';
import { Agent, request } from 'undici';

/** The results server, as a reader of one growing file sees it. */
export interface StoredLog {
  /** Asks for the bytes from `from` on. `etag` of an earlier answer: whether anything changed since. */
  read(from: number, etag: string | undefined, signal: AbortSignal): Promise<StoredAnswer>;
}

/** There is no file (yet); it is as it was; it ends at `from` or before that; or its bytes from `start` on. */
export type StoredAnswer = 'none' | 'unchanged' | 'beyond' | StoredBytes;

export interface StoredBytes {
  /** Not after `from`; 0 from servers that give no parts, as is the case with a compressed log that they unpack. */
  start: number;
  etag: string | undefined;
  /** Up to where the file ended when the answer began. Whoever stops reading early ends the request. */
  body: AsyncIterable<Buffer>;
}

const TIMEOUT_MS = 30_000;

export function createResultsDispatcher(): Agent {
  return new Agent({ connect: { timeout: 5_000 }, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
}

/** Rejects with a plain Error when the results server is away. */
export function storedLog(url: string, dispatcher: Dispatcher): StoredLog {
  return {
    async read(from, etag, signal) {
      const answer = await request(url, {
        dispatcher,
        signal,
        headers: {
          'accept-encoding': 'identity',
          ...(from > 0 ? { range: `bytes=${from}-` } : {}),
          ...(etag === undefined ? {} : { 'if-none-match': etag }),
        },
      });
      const { statusCode, headers, body } = answer;
      if (statusCode === 200 || statusCode === 206) {
        const start = statusCode === 200 ? 0 : Number(/^bytes (\d+)-/.exec(String(headers['content-range']))?.[1]);
        if (start === 0 || start === from) {
          return { start, etag: typeof headers.etag === 'string' ? headers.etag : undefined, body };
        }
      }
      await body.dump();
      if (statusCode === 304) return 'unchanged';
      if (statusCode === 404) return 'none';
      if (statusCode === 416) return 'beyond';
      throw new Error(`the results server answered the request for a log with status ${statusCode}`);
    },
  };
}

/** Address of a log below the results URL. */
export function logURL(resultsURL: string, path: string): string {
  return `${resultsURL}/${path.split('/').map(encodeURIComponent).join('/')}`;
}
