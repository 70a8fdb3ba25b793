import { constants, createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { hasCode } from '../../lib/errors.ts';

export interface FileHeaders {
  'content-type': string;
  'cache-control': string;
  /** Quoted; undefined when the content may still change. */
  etag?: string;
}

export interface ByteRange {
  start: number;
  /** Inclusive. */
  end: number;
}

/** Content of strangers under our name: it must never run in a browser. */
export const SAFE_HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; sandbox",
} as const;

/**
 * The one range of a Range header: undefined when the header is absent or to be ignored (several ranges, another
 * unit), 'unsatisfiable' when it begins beyond the end.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  if (match[1] === '') {
    const length = Math.min(Number(match[2]), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
  }
  const start = Number(match[1]);
  const end = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== '' && Number(match[2]) < start) return undefined;
  return start >= size ? 'unsatisfiable' : { start, end };
}

/** Sends a regular file, whole or a range. Resolves to false, with nothing sent, when there is no such file. */
export async function serveFile(
  path: string,
  headers: FileHeaders,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: unknown) => {
      if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) return undefined;
      throw error;
    },
  );
  if (!handle) return false;
  try {
    const info = await handle.stat();
    if (!info.isFile()) return false;
    const { etag } = headers;
    const base = { ...headers, ...SAFE_HEADERS, 'accept-ranges': 'bytes', 'last-modified': info.mtime.toUTCString() };
    if (etag !== undefined && matches(request.headers['if-none-match'], etag)) {
      response.writeHead(304, base).end();
      return true;
    }
    const condition = request.headers['if-range'];
    const usable = condition === undefined || condition === etag;
    const range = usable ? parseRange(request.headers.range, info.size) : undefined;
    if (range === 'unsatisfiable') {
      response.writeHead(416, { ...base, 'content-range': `bytes */${info.size}` }).end();
      return true;
    }
    const { start, end } = range ?? { start: 0, end: info.size - 1 };
    const length = end - start + 1;
    const extra = range ? { 'content-range': `bytes ${start}-${end}/${info.size}` } : {};
    response.writeHead(range ? 206 : 200, { ...base, ...extra, 'content-length': length });
    if (request.method === 'HEAD' || length === 0) response.end();
    // `end` is fixed: a log that grows meanwhile must not overrun its Content-Length.
    else await pipeline(createReadStream('', { fd: handle, start, end, autoClose: false }), response);
    return true;
  } finally {
    await handle.close();
  }
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((item) => item.trim() === '*' || item.trim().replace(/^W\//, '') === etag);
}
