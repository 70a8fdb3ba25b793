import { readFile } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { join, normalize } from 'node:path';
import { listen } from '../../lib/listen.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface WebServer {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  url: string;
  port: number;
  /** Method and path of every request, in order. */
  requests: string[];
  /** Ends the server and every connection; a port may be given to `startWebServer` again. */
  stop(): Promise<void>;
}

/** A real HTTP server on the loopback address for tests. A handler that throws answers with 500. */
export async function startWebServer(handler: Handler, port = 0): Promise<WebServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    Promise.resolve()
      .then(() => handler(request, response))
      .catch((error: unknown) => {
        if (!response.headersSent) response.writeHead(500);
        response.end(String(error));
      });
  });
  const bound = await listen(server, { port, host: '127.0.0.1' });
  return { url: `http://127.0.0.1:${bound}`, port: bound, requests, stop: () => stop(server) };
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Answers with the file below `root` that the path names. */
export async function serveFiles(root: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = normalize(decodeURIComponent((request.url ?? '/').split('?')[0] ?? '/'));
  try {
    response.end(await readFile(join(root, path)));
  } catch {
    response.writeHead(404).end();
  }
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
