/** Bodies in and out, in the API server's words. */
import type { IncomingMessage, ServerResponse } from 'node:http';

import { isObject } from './json.ts';

export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

export function send(response: ServerResponse, status: number, body: unknown): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': isObject(body) ? 'application/json' : 'text/plain' });
  response.end(text);
}

export function sendStatus(response: ServerResponse, status: number, reason: string, message: string): void {
  send(response, status, { apiVersion: 'v1', kind: 'Status', status: 'Failure', code: status, reason, message });
}
