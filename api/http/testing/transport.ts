import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect } from 'vitest';
import { basic, type Rig, startRig } from './rig.ts';
import { type Kept, testRoutes } from './routes.ts';

const holders: Record<string, { token: string; isAdmin?: boolean; expiresAt?: number; revokedAt?: number }> = {
  alice: { token: 'a' },
  bob: { token: 'b' },
  root: { token: 'r', isAdmin: true },
  late: { token: 'l', expiresAt: 1 },
  gone: { token: 'g', revokedAt: 1 },
};

export const kept: Kept = { discarded: [], received: [], reads: 0, aborted: [] };
export const alice = { authorization: basic('alice', 'a') };

let running: Rig | undefined;

/** The transport with the routes of routes.ts, behind a real socket, for the file that calls this. */
export function useTransport(): void {
  beforeAll(async () => {
    running = await startRig(testRoutes(kept), {
      tokens: {
        byLogin(login) {
          const holder = holders[login];
          return Promise.resolve(
            holder && {
              tokenID: 1,
              hash: createHash('sha256').update(holder.token).digest(),
              expiresAt: holder.expiresAt ?? Number.MAX_SAFE_INTEGER,
              revokedAt: holder.revokedAt ?? null,
              user: { id: 1, name: login, isAdmin: holder.isAdmin ?? false },
              groups: [],
            },
          );
        },
      },
    });
  });
  afterAll(() => running?.stop());
}

export function rig(): Rig {
  if (running === undefined) throw new Error('the transport is used before it has started');
  return running;
}

export async function ask(
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; body: Record<string, unknown>; headers: Headers }> {
  const response = await fetch(`${rig().url}${path}`, { redirect: 'manual', ...init });
  const text = await response.text();
  expect(response.headers.get('content-type')).toBe('application/json');
  const body = JSON.parse(text) as Record<string, unknown>;
  expect('error' in body).toBe(response.status !== 200);
  return { status: response.status, body, headers: response.headers };
}

export function json(body: unknown, headers: Record<string, string> = alice): RequestInit {
  return { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } };
}
