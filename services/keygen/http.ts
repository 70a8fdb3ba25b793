import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import { parseJson } from '../../lib/json.ts';
import { listen } from '../../lib/listen.ts';
import type { Logger } from '../../lib/log.ts';
import { AuditError } from './audit.ts';
import { keyRequestSchema, userIdOf } from './identity.ts';
import type { KeyStore } from './key-store.ts';
import type { Metrics } from './metrics.ts';
import { commonNameOf } from './peers.ts';
import type { Listening } from './signd-server.ts';
import type { ServerTls } from './tls.ts';

/**
 * keygen-httpd: `GET /ping`, `POST /gen_key` (JSON `name_real`, `name_email`; 201 made, 200 there already, 400 bad request, 500 try again),
 * `GET /pubkey/<identity>`. Errors are one line of text.
 */

const maxBodyLength = 64 * 1024;

export interface HttpOptions {
  store: KeyStore;
  allowed: readonly string[];
  /** Size of new keys unless the request says otherwise. */
  keyBits: number;
  maxConnections: number;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
}

interface Answer {
  status: number;
  body: string;
  type?: string;
}

export async function listenHttp(port: number, tls: ServerTls, options: HttpOptions): Promise<Listening> {
  const server = createServer(tls.serverOptions(), (request, response) => {
    void respond(options, request, response);
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 15_000;
  server.keepAliveTimeout = 5_000;
  server.maxConnections = options.maxConnections;
  server.on('tlsClientError', () => options.metrics.connectionsRefused.inc({ reason: 'handshake' }));
  server.on('drop', () => options.metrics.connectionsRefused.inc({ reason: 'limit' }));
  tls.follow(server);
  let open = 0;
  server.on('secureConnection', (socket) => {
    open++;
    socket.on('close', () => open--);
  });
  const bound = await listen(server, { port });
  return {
    port: bound,
    connections: () => open,
    close: (graceMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.closeAllConnections(), graceMs);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

async function respond(options: HttpOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { clock, log, metrics } = options;
  const started = clock.monotonic();
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  const command = path.startsWith('/pubkey/')
    ? 'pubkey'
    : ({ '/ping': 'ping', '/gen_key': 'gen_key' }[path] ?? 'other');
  let answer: Answer;
  try {
    answer = await route(options, command, path, request);
  } catch (error) {
    if (error instanceof AuditError) metrics.auditFailures.inc();
    log.error({ path, error: errorMessage(error) }, 'keygen-httpd request failed');
    answer = { status: 500, body: `${errorMessage(error)}\n` };
  }
  const result = answer.status < 400 ? 'ok' : answer.status < 500 ? 'refused' : 'failed';
  metrics.requests.inc({ protocol: 'http', command, result });
  metrics.requestSeconds.observe({ protocol: 'http', command }, (clock.monotonic() - started) / 1000);
  if (response.destroyed) return;
  // A client that still sends hears the answer only when the rest of its body is taken off the line.
  request.resume();
  response.writeHead(answer.status, { 'content-type': answer.type ?? 'text/plain; charset=utf-8' });
  response.end(answer.body);
}

async function route(options: HttpOptions, command: string, path: string, request: IncomingMessage): Promise<Answer> {
  const peer = request.socket instanceof TLSSocket ? commonNameOf(request.socket) : undefined;
  if (peer === undefined || !options.allowed.includes(peer)) {
    options.metrics.connectionsRefused.inc({ reason: 'subject' });
    return {
      status: 403,
      body: `the client certificate ${peer ?? 'without a common name'} is not allowed to use this server\n`,
    };
  }
  const expected = command === 'gen_key' ? 'POST' : 'GET';
  if (command === 'other')
    return { status: 404, body: 'only /ping, /gen_key and /pubkey/<identity> are answered here\n' };
  if (request.method !== expected) return { status: 405, body: `${path} takes ${expected} requests only\n` };
  if (command === 'ping') return { status: 200, body: 'pong\n' };
  if (command === 'pubkey') return publicKey(options, path.slice('/pubkey/'.length));
  return generateKey(options, peer, await readBody(request));
}

async function publicKey(options: HttpOptions, encoded: string): Promise<Answer> {
  let identity: string;
  try {
    identity = decodeURIComponent(encoded);
  } catch {
    return { status: 400, body: 'the identity in the path is not percent-encoded UTF-8\n' };
  }
  const key = await options.store.find(identity);
  if (key === undefined) return { status: 404, body: `unknown key: ${identity}\n` };
  return { status: 200, body: key.certificate, type: 'application/pgp-keys' };
}

async function generateKey(options: HttpOptions, peer: string, body: string | undefined): Promise<Answer> {
  const { clock, log, metrics, store, keyBits } = options;
  if (body === undefined) return { status: 400, body: `the body is longer than ${maxBodyLength} bytes\n` };
  const json = parseJson(body);
  if (json === undefined) return { status: 400, body: 'the body is not JSON\n' };
  const parsed = keyRequestSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { status: 400, body: `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'invalid'}\n` };
  }
  const started = clock.monotonic();
  const { key, created } = await store.create({
    identity: parsed.data.name_email,
    userId: userIdOf(parsed.data),
    bits: parsed.data.key_length ?? keyBits,
    expiresAfter: parsed.data.expire ?? 0,
    requestedBy: peer,
  });
  if (!created) return { status: 200, body: '' };
  metrics.keysCreated.inc();
  metrics.keyGenerationSeconds.observe((clock.monotonic() - started) / 1000);
  log.info({ peer, identity: key.identity, fingerprint: key.fingerprint.toString('hex') }, 'key created');
  return { status: 201, body: '' };
}

/** The whole body as text, or undefined when it is too long. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let received = 0;
  // The request must outlive the end of this loop: it carries the answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    received += chunk.length;
    if (received > maxBodyLength) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
