import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TaskManifest } from '../../lib/protocol/publisher.ts';
import { taskManifest } from '../../lib/protocol/publisher.ts';
import type { WebServer } from './web-server.ts';
import { readBody, startWebServer } from './web-server.ts';

export type Fault = 'reset' | 'error' | 'lost-reply' | 'half-body';

export interface StubOptions {
  token: string;
  /** Asked for each request; undefined lets it through. */
  fault?: (request: string, count: number) => Fault | undefined;
  /** Names that are answered with 413. */
  refuse?: (name: string) => boolean;
  /** Another build has the directory of the task: nothing is taken. */
  occupied?: boolean;
}

/**
 * The ingest side of the publisher's HTTP API, in memory, with faults to order. State outlives `restart`, as the real
 * one's volume does.
 */
export class PublisherStub {
  readonly logs = new Map<string, Buffer>();
  readonly files = new Map<string, Buffer>();
  manifest: TaskManifest | undefined;
  #options: StubOptions;
  #server: WebServer | undefined;
  #count = 0;

  constructor(options: StubOptions) {
    this.#options = options;
  }

  async start(): Promise<string> {
    this.#server = await startWebServer(
      (request, response) => this.#handle(request, response),
      this.#server?.port ?? 0,
    );
    return this.#server.url;
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  get requests(): readonly string[] {
    return this.#server?.requests ?? [];
  }

  log(): string {
    return this.logs.get('builder-live.log')?.toString() ?? '';
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const what = `${request.method} ${request.url}`;
    const fault = this.#options.fault?.(what, ++this.#count);
    if (fault === 'reset') return void request.socket.destroy();
    if (fault === 'error') return void response.writeHead(503).end('later');
    if (fault === 'half-body') {
      request.once('data', () => request.socket.destroy()).once('end', () => request.socket.destroy());
      return;
    }
    if (request.headers.authorization !== `Bearer ${this.#options.token}`) return refuse(response, 401, 'no');
    const body = await readBody(request);
    const answer = this.#answer(request, body);
    if (fault === 'lost-reply') return void request.socket.destroy();
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer.body));
  }

  #answer(request: IncomingMessage, body: Buffer): { status: number; body: unknown } {
    const url = new URL(request.url ?? '/', 'http://stub');
    const [, , , , kind, name] = url.pathname.split('/');
    if (this.#options.occupied) {
      return { status: 409, body: { error: { code: 'DirectoryInUse', message: 'another build has the directory' } } };
    }
    if (kind === 'complete') return this.#complete(body);
    if (this.manifest !== undefined) {
      return {
        status: 409,
        body: {
          error: { code: 'TaskComplete', message: 'the task is complete' },
          size: this.logs.get('builder-live.log')?.length ?? 0,
        },
      };
    }
    if (name === undefined) return { status: 404, body: {} };
    if (this.#options.refuse?.(name))
      return { status: 413, body: { error: { code: 'TooLarge', message: `${name} is too large` } } };
    if (kind === 'log') return this.#appendLog(name, Number(url.searchParams.get('offset')), body);
    const digest = createHash('sha256').update(body).digest('hex');
    if (digest !== request.headers['x-kopr-sha256']) {
      return { status: 422, body: { error: { code: 'DigestMismatch', message: 'digest mismatch' } } };
    }
    this.files.set(name, body);
    return { status: 200, body: { size: body.length } };
  }

  /** Bytes that are there already are taken for a repetition; a gap is refused. */
  #appendLog(name: string, offset: number, body: Buffer): { status: number; body: unknown } {
    const have = this.logs.get(name) ?? Buffer.alloc(0);
    if (offset > have.length) {
      const error = { code: 'WrongOffset', message: `the log ends at byte ${have.length}` };
      return { status: 409, body: { error, size: have.length } };
    }
    const grown = Buffer.concat([have, body.subarray(have.length - offset)]);
    this.logs.set(name, grown);
    return { status: 200, body: { size: grown.length } };
  }

  #complete(body: Buffer): { status: number; body: unknown } {
    const manifest = taskManifest.parse(JSON.parse(body.toString()));
    if (this.manifest !== undefined && JSON.stringify(this.manifest) !== JSON.stringify(manifest)) {
      return { status: 409, body: { error: { code: 'TaskComplete', message: 'completed with other results' } } };
    }
    this.manifest = manifest;
    return { status: 200, body: {} };
  }
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error: { code: 'Refused', message } }));
}
