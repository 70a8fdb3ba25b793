/** What a handler answers with when it is not a JSON object with status 200. */
export class Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Text goes out at once. Chunks go out as they come, each waiting until the client took the one before; text among them is UTF-8. */
  readonly body: string | AsyncIterable<string | Uint8Array>;
  constructor(fields: {
    status?: number;
    headers: Readonly<Record<string, string>>;
    body: string | AsyncIterable<string | Uint8Array>;
  }) {
    this.status = fields.status ?? 200;
    this.headers = fields.headers;
    this.body = fields.body;
  }
}

/** Plain text, such as a .repo file. */
export function textReply(body: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return new Reply({ headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers }, body });
}

/**
 * A body of unknown length. It has no deadline of the http layer: the handler ends it, and `call.signal` aborts when the
 * client is gone or the process stops.
 */
export function streamReply(contentType: string, body: AsyncIterable<string | Uint8Array>): Reply {
  return new Reply({ headers: { 'Content-Type': contentType, 'Cache-Control': 'no-store' }, body });
}
