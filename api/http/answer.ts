import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../lib/clock.ts';
import { DeadlineError, errorMessage } from '../../lib/errors.ts';
import { ApiError as ClusterError } from '../../operator/apiError.ts';
import { DatabaseAway } from '../db/errors.ts';
import { ApiError, conflict, NotAuthenticated, unavailable } from './errors.ts';
import { Stopping } from './in-flight.ts';
import type { Reply } from './reply.ts';

const DISCARD_MS = 30_000;
/** Logs and .repo files hold what strangers wrote: no browser shall take them for anything but text. */
const NO_SNIFFING = { 'X-Content-Type-Options': 'nosniff' };

export interface Failure {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: { error: string; output?: 'notok' };
  /** Our fault, or that of something we need: logged. */
  serious: boolean;
}

/** What a client is told about any error. What nobody foresaw is 500 and keeps its text to the log. */
export function failureOf(error: unknown, frontendURL: string): Failure {
  if (error instanceof NotAuthenticated) {
    const text = `${error.message} Get a token from an administrator of ${frontendURL}; ${frontendURL}/api says how.`;
    return {
      status: 401,
      headers: { 'WWW-Authenticate': 'Basic realm="kopr", charset="UTF-8"' },
      body: { output: 'notok', error: text },
      serious: false,
    };
  }
  const known = error instanceof ApiError ? error : translate(error);
  return {
    status: known.status,
    headers: known.headers,
    body: { error: known.message },
    serious: known.status >= 500 && !(error instanceof Stopping),
  };
}

function translate(error: unknown): ApiError {
  if (error instanceof DatabaseAway) {
    return unavailable('The database of kopr cannot be reached now. Builds go on; try again in a moment.');
  }
  if (error instanceof DeadlineError) {
    return unavailable('This took too long and was given up. Try again, or ask for less at a time (limit, offset).');
  }
  if (error instanceof Stopping) return unavailable('This replica of the API is stopping; try again.', 1);
  if (error instanceof ClusterError) return translateCluster(error);
  return new ApiError(500, 'kopr failed to handle the request; the log of its API says why.');
}

function translateCluster(error: ClusterError): ApiError {
  const { status } = error;
  // The API server's own words without the request: they name the field or the quota.
  const words = error.message.split(`${error.status} ${error.reason}: `).slice(1).join(' ') || error.reason;
  if (status === 422 || status === 400) return new ApiError(400, words);
  if (status === 409) return conflict('It was changed by somebody else at the same time; try again.');
  if (status === 404) return new ApiError(404, 'It does not exist any more.');
  if (status === 403 && /exceeded quota|is being terminated|denied/i.test(words)) return new ApiError(403, words);
  if (status === 403) return new ApiError(500, 'kopr may not do this in the cluster; the log of its API says why.');
  return unavailable('The cluster cannot be reached now; try again in a moment.');
}

export function sendJSON(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...NO_SNIFFING,
    ...headers,
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

export function sendFailure(request: IncomingMessage, response: ServerResponse, failure: Failure, clock: Clock): void {
  if (request.complete) {
    sendJSON(response, failure.status, failure.body, failure.headers);
    return;
  }
  // A client that is still sending hears the answer only when its bytes are taken off the line, for a while at least:
  // after `Connection: close` the socket would be destroyed with the end of the answer.
  sendJSON(response, failure.status, failure.body, failure.headers);
  request.resume();
  request.on('error', () => undefined);
  const timer = new AbortController();
  request.once('close', () => timer.abort());
  void clock.sleep(DISCARD_MS, timer.signal).then(
    () => request.destroy(),
    () => undefined,
  );
}

/** Resolves when the client has taken it all; rejects when the source fails or the client is gone. */
export async function sendReply(response: ServerResponse, reply: Reply, signal: AbortSignal): Promise<void> {
  if (typeof reply.body === 'string') {
    const length = { 'Content-Length': Buffer.byteLength(reply.body) };
    response.writeHead(reply.status, { ...NO_SNIFFING, ...reply.headers, ...length });
    response.end(reply.body);
    return;
  }
  response.writeHead(reply.status, { ...NO_SNIFFING, ...reply.headers });
  response.flushHeaders();
  for await (const chunk of reply.body) {
    if (signal.aborted) break;
    if (!response.write(chunk)) await drained(response, signal);
  }
  response.end();
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    response.once('drain', done).once('close', done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}

export function describeError(error: unknown): { error: string; stack?: string } {
  return error instanceof Error && error.stack !== undefined
    ? { error: error.message, stack: error.stack }
    : { error: errorMessage(error) };
}
