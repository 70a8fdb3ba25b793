import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Clock } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Admission } from './auth.ts';
import { Fault } from './fault.ts';
import type { Method } from './methods.ts';
import type { Metrics } from './metrics.ts';
import { faultXml, parseCall, resultXml } from './xmlrpc.ts';

/**
 * XML-RPC over HTTP: `POST /RPC2` or `/`. What is not a call of an admitted client gets an HTTP status with a sentence,
 * a call that fails gets a fault.
 */

const MAX_BODY = 64 * 1024;
const PATHS = ['/', '/RPC2'];
/** A page of another site can send neither of them from the browser of somebody who may reach this. */
const TYPES = ['text/xml', 'application/xml'];
/** A client that has vanished while it waits is found out by TCP; nothing else would ever be sent to it. */
const PROBE_AFTER_MS = 30_000;
/** Besides the clients that wait. */
const MORE_CONNECTIONS = 512;

export interface HttpOptions {
  methods: ReadonlyMap<string, Method>;
  admission: Admission;
  maxWaiters: number;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
}

interface Refusal {
  status: number;
  text: string;
  headers?: Record<string, string>;
}

export function createXmlRpcServer(options: HttpOptions): Server {
  const server = createServer({ keepAlive: true, keepAliveInitialDelay: PROBE_AFTER_MS }, (request, response) => {
    respond(options, request, response).catch((error: unknown) => {
      // Clients may leave in the middle of their call.
      if (response.destroyed) return;
      options.log.error({ error: errorMessage(error) }, 'request could not be answered');
      response.destroy();
    });
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 30_000;
  server.maxConnections = options.maxWaiters + MORE_CONNECTIONS;
  return server;
}

async function respond(options: HttpOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort(new Error('the client has gone')));
  const refusal = await refusalOf(options.admission, request);
  if (refusal !== undefined) {
    send(request, response, refusal);
    return;
  }
  const body = await readBody(request);
  if (body === undefined) {
    send(request, response, { status: 413, text: `a call may have ${MAX_BODY} bytes at most` });
    return;
  }
  const answer = await answerCall(options, body, gone.signal);
  if (answer === undefined) return;
  send(request, response, { status: 200, text: answer, headers: { 'content-type': 'text/xml; charset=utf-8' } });
}

async function refusalOf(
  admission: Admission,
  { url, method, headers }: IncomingMessage,
): Promise<Refusal | undefined> {
  if (!(await admission(headers.authorization))) {
    return {
      status: 401,
      text: 'a password is needed: put it into the URL, http://resalloc:PASSWORD@HOST:49100',
      headers: { 'www-authenticate': 'Basic realm="kopr resalloc", charset="UTF-8"' },
    };
  }
  if (!PATHS.includes(url ?? '')) return { status: 404, text: 'calls are answered at /RPC2 only' };
  if (method !== 'POST') {
    return { status: 405, text: 'XML-RPC is spoken here: POST a call', headers: { allow: 'POST' } };
  }
  const type = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (!TYPES.includes(type)) return { status: 415, text: `a call is ${TYPES.join(' or ')}` };
  if (headers['content-encoding'] !== undefined) return { status: 415, text: 'a call must not be compressed' };
  return undefined;
}

/** Undefined when the client has gone. */
async function answerCall(options: HttpOptions, body: Buffer, gone: AbortSignal): Promise<string | undefined> {
  const { clock, log, metrics } = options;
  const started = clock.monotonic();
  let method = 'none';
  let result = 'ok';
  try {
    const call = parseCall(body);
    const run = options.methods.get(call.method);
    if (run === undefined) throw new Fault('unknownMethod', `there is no method "${call.method}" here`);
    method = call.method;
    return resultXml(await run(call.parameters, gone));
  } catch (error) {
    if (gone.aborted) {
      result = 'gone';
      return undefined;
    }
    const fault = error instanceof Fault ? error : new Fault('internal', 'the service has failed; its log says why');
    if (fault !== error) log.error({ method, error: errorMessage(error) }, 'call failed');
    result = fault.kind;
    return faultXml(fault);
  } finally {
    metrics.calls.inc({ method, result });
    if (method !== 'waitTicket') metrics.callSeconds.observe({ method }, (clock.monotonic() - started) / 1000);
  }
}

/** Undefined when it is too long. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let received = 0;
  // The request must outlive the end of this loop: it carries the answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    received += chunk.length;
    if (received > MAX_BODY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function send(request: IncomingMessage, response: ServerResponse, { status, text, headers }: Refusal): void {
  if (response.destroyed) return;
  // A client that still sends hears the answer only when the rest of its body is taken off the line.
  request.resume();
  const body = Buffer.from(status === 200 ? text : `${text}\n`);
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': body.length,
    ...headers,
  });
  response.end(body);
}
