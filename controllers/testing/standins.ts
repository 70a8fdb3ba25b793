import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../lib/clock.ts';
import { TerminalError } from '../../lib/errors.ts';
import { verifyControlToken } from '../../lib/protocol/token.ts';
import { DistgitModel } from './distgit.ts';
import { Faults } from './faults.ts';
import { PublisherModel } from './publisher.ts';

export const TOKEN_KEY = new Uint8Array(Buffer.from('the token key of tests, 32 bytes+'));

interface Answer {
  status: number;
  body?: unknown;
}

/** Publisher and distgit as HTTP servers that keep the protocols of lib/protocol, on one port of 127.0.0.1. */
export interface Standins {
  publisherURL: string;
  distgitURL: string;
  publisher: PublisherModel;
  distgit: DistgitModel;
  faults: Faults;
  /** "METHOD /path" of every request so far. */
  requests: string[];
  stop(): Promise<void>;
}

export async function startStandins(): Promise<Standins> {
  let url = '';
  const publisher = new PublisherModel(() => url);
  const distgit = new DistgitModel();
  const faults = new Faults();
  const requests: string[] = [];

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://standin');
    const what = `${request.method} ${pathname}`;
    requests.push(what);
    const text = await readAll(request);
    const fault = faults.take(what);
    if (fault === 'reset') {
      request.socket.destroy();
      return;
    }
    if (typeof fault === 'object') {
      send(response, { status: fault.status, body: error(fault.code ?? 'Fault', 'as the test wants it') });
      return;
    }
    if (fault === 'working') {
      send(response, { status: 202, body: { state: 'working', note: 'as the test wants it' } });
      return;
    }
    const answer = await answerTo(request, pathname, searchParams, text);
    if (fault === 'lost reply') request.socket.destroy();
    else send(response, answer);
  }

  async function answerTo(
    request: IncomingMessage,
    pathname: string,
    query: URLSearchParams,
    text: string,
  ): Promise<Answer> {
    try {
      const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
      await verifyControlToken(
        TOKEN_KEY,
        token,
        pathname.startsWith('/distgit/') ? 'distgit' : 'publisher',
        systemClock,
      );
    } catch {
      return { status: 401, body: error('InvalidToken', 'the bearer token is not valid') };
    }
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    if (request.method === 'PUT' && query.get('wait') === null) throw new Error(`${pathname} without wait`);
    const [service = '', , collection = '', first = '', second = ''] = pathname
      .slice(1)
      .split('/')
      .map(decodeURIComponent);
    try {
      return { status: 200, body: work(`${request.method} ${service} ${collection}`, first, second, body) };
    } catch (problem) {
      if (problem instanceof TerminalError) return { status: 422, body: error(problem.code, problem.message) };
      return { status: 500, body: error('InternalError', String(problem)) };
    }
  }

  function work(route: string, first: string, second: string, body: unknown): unknown {
    switch (route) {
      case 'GET publisher tasks':
        return publisher.taskState(first);
      case 'DELETE publisher tasks':
        return publisher.forget(first);
      case 'PUT publisher publications':
        return publisher.publish(first, body);
      case 'PUT distgit imports':
        return distgit.import(first, body);
      case 'PUT publisher projects':
        return publisher.ensure(first, second, body);
      case 'DELETE publisher projects':
        return publisher.delete(first, second);
      case 'DELETE distgit projects':
        return distgit.delete(first, second);
      default:
        throw new Error(`there is no ${route}`);
    }
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((problem: unknown) =>
      send(response, { status: 500, body: error('InternalError', String(problem)) }),
    );
  });
  url = await listen(server);
  return {
    publisherURL: `${url}/publisher`,
    distgitURL: `${url}/distgit`,
    publisher,
    distgit,
    faults,
    requests,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function send(response: ServerResponse, { status, body }: Answer): void {
  if (body === undefined) {
    response.writeHead(status === 200 ? 204 : status).end();
    return;
  }
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function error(code: string, message: string): object {
  return { error: { code, message } };
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
