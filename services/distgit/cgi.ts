import type { Readable } from 'node:stream';

export interface CgiHead {
  status: number;
  headers: [string, string][];
  /** What of the body came in the same chunk. */
  rest: Buffer;
}

const MAX_HEAD = 16 * 1024;
/** The only headers passed on; hop-by-hop ones and lengths are Node's business. */
const PASSED = new Set(['content-type', 'cache-control', 'expires', 'pragma']);

/** Reads the head of a CGI answer from the stream and leaves it paused behind it. Rejects when there is none. */
export async function readCgiHead(stream: Readable): Promise<CgiHead> {
  let seen = Buffer.alloc(0);
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    seen = Buffer.concat([seen, chunk]);
    const end = /\r?\n\r?\n/.exec(seen.toString('latin1'));
    if (end)
      return {
        ...parseHead(seen.subarray(0, end.index).toString('latin1')),
        rest: seen.subarray(end.index + end[0].length),
      };
    if (seen.length > MAX_HEAD) throw new Error('the CGI program sent an endless header');
  }
  throw new Error('the CGI program ended without an answer');
}

function parseHead(text: string): Omit<CgiHead, 'rest'> {
  let status = 200;
  const headers: [string, string][] = [];
  for (const line of text.split(/\r?\n/)) {
    const cut = line.indexOf(':');
    const name = line.slice(0, cut).toLowerCase();
    const value = line.slice(cut + 1).trim();
    if (name === 'status') status = Number.parseInt(value, 10);
    else if (PASSED.has(name)) headers.push([name, value]);
  }
  if (!(status >= 200 && status <= 599)) throw new Error('the CGI program sent no usable status');
  return { status, headers };
}
