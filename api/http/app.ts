import type { IncomingMessage, ServerResponse } from 'node:http';
import express, { type Express } from 'express';
import type { Registry } from 'prom-client';
import { DeadlineError } from '../../lib/errors.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import type { Services } from '../services.ts';
import { describeError, failureOf, sendFailure, sendJSON, sendReply } from './answer.ts';
import { readBody } from './body.ts';
import { ClientGone } from './body-parts.ts';
import { ApiError, notFound } from './errors.ts';
import type { Flight, InFlight } from './in-flight.ts';
import { httpMetrics } from './metrics.ts';
import { discard } from './multipart.ts';
import { Reply } from './reply.ts';
import { admit, authenticate } from './rights.ts';
import type { AnyRoute, Call } from './route.ts';
import { type Entry, RouteTable } from './table.ts';
import { normalise, parseBody, parseParams, parseQuery, rawQuery } from './validate.ts';

const TIMEOUT_MS = 30_000;
const UPLOAD_TIMEOUT_MS = 6 * 3_600_000;

export interface AppOptions {
  routes: readonly AnyRoute[];
  authenticator: Authenticator;
  services: Services;
  inFlight: InFlight;
  registry: Registry;
}

/** Every request goes through here; each is answered by its route, or by the one shape of errors. */
export function createApp(options: AppOptions): Express {
  const table = new RouteTable(options.routes);
  const metrics = httpMetrics(options.registry);
  const { clock, log, config } = options.services;
  const app = express();
  app.disable('x-powered-by');
  app.use((request, response) => {
    const start = clock.monotonic();
    let operation = 'none';
    metrics.begun();
    response.once('close', () => metrics.ended(operation, response.statusCode, (clock.monotonic() - start) / 1000));
    answer(request, response).catch((error: unknown) => {
      if (response.headersSent || error instanceof ClientGone || response.destroyed) {
        if (!(error instanceof ClientGone)) log.debug({ operation, ...describeError(error) }, 'an answer broke off');
        response.destroy();
        return;
      }
      const failure = failureOf(
        error instanceof DeadlineError && !request.complete ? tooSlow() : error,
        config.frontendURL,
      );
      if (failure.serious) log.error({ operation, ...describeError(error) }, 'request failed');
      sendFailure(request, response, failure, clock);
    });

    async function answer(from: IncomingMessage, to: ServerResponse): Promise<void> {
      const [path, query] = split(from.url ?? '/');
      const found = table.find(from.method ?? '', path);
      if (found.kind === 'malformed') throw notFound('No name has the form that this path asks for.');
      if (found.kind === 'nothing')
        throw notFound(`There is nothing at this address; ${config.frontendURL}/api_3/docs lists all there is.`);
      if (found.kind === 'method') {
        const allowed = found.allowed.join(', ');
        throw new ApiError(405, `${from.method} is not answered here; use ${allowed}.`, { Allow: allowed });
      }
      const { route } = found.entry;
      operation = route.operation;
      const ms = route.timeoutMs ?? (route.upload === undefined ? TIMEOUT_MS : UPLOAD_TIMEOUT_MS);
      const flight = options.inFlight.begin(route.operation, ms);
      const onClose = (): void => {
        if (!to.writableFinished) flight.abort(new ClientGone());
      };
      to.once('close', onClose);
      try {
        const work = handle(options, { entry: found.entry, params: found.params, query, from, to, flight });
        await Promise.race([work, flight.over]);
      } finally {
        to.off('close', onClose);
        flight.end();
      }
    }
  });
  return app;
}

interface Request {
  entry: Entry;
  params: Record<string, string>;
  query: string;
  from: IncomingMessage;
  to: ServerResponse;
  flight: Flight;
}

/** The order of checks is part of the protocol: credentials, path, query, body, project (404), form (400), rights (403). */
async function handle(options: AppOptions, request: Request): Promise<void> {
  const { services } = options;
  const { entry, from, to, flight } = request;
  const { route } = entry;
  const { signal } = flight;
  const caller = await authenticate(options.authenticator, route, from.headers.authorization, signal);
  const params = parseParams(route, request.params);
  const query = parseQuery(route, normalise(rawQuery(request.query)));
  const hasBody = from.method !== 'GET' && from.method !== 'HEAD' && (route.body ?? route.upload) !== undefined;
  if (!hasBody) from.resume();
  const received = hasBody
    ? await readBody(from, route, { caller, services, signal })
    : { fields: {}, file: undefined };
  try {
    const raw = normalise(received.fields, route.aliases);
    const target = { params, query, body: raw, services, signal };
    const { found, body } = await admit(route, caller, target, () => parseBody(route, raw));
    const call: Call = {
      params,
      query,
      body,
      file: received.file,
      found,
      caller,
      services,
      signal,
      headers: from.headers as Readonly<Record<string, string | undefined>>,
    };
    const result = await route.handle(call);
    // The deadline passed or the client left: what was made of the file is as good as lost to the caller.
    signal.throwIfAborted();
    const warning = warningOf(entry);
    if (!(result instanceof Reply)) {
      sendJSON(to, 200, result, warning);
      return;
    }
    if (typeof result.body !== 'string') {
      flight.becomeStream();
      to.socket?.setTimeout(0);
    }
    await sendReply(to, warning === undefined ? result : withHeaders(result, warning), signal);
  } catch (error) {
    if (received.file !== undefined) await discard(route, received.file, services);
    throw error;
  }
}

function tooSlow(): ApiError {
  return new ApiError(408, 'The body of the request did not arrive in time.');
}

function warningOf({ deprecatedFor }: Entry): Record<string, string> | undefined {
  if (deprecatedFor === undefined) return undefined;
  return { Warning: `299 - "This method is deprecated; use ${deprecatedFor} instead"` };
}

function withHeaders(reply: Reply, headers: Readonly<Record<string, string>>): Reply {
  return new Reply({ status: reply.status, body: reply.body, headers: { ...reply.headers, ...headers } });
}

function split(url: string): [string, string] {
  const at = url.indexOf('?');
  return at === -1 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)];
}
