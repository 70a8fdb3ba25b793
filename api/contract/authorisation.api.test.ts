import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AnyRoute } from '../http/route.ts';
import { routes } from '../routes/index.ts';
import { REQUESTS, type RequestMaker } from './authorisation-requests.ts';
import { CALLERS, type CallerName, EXPECTED, type Row } from './authorisation-table.ts';
import { startWorld, type Target, type World } from './authorisation-world.ts';

let world: World;
let checks = 0;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world?.stop());

interface Case {
  operation: string;
  kind: 'personal' | 'group';
  route: AnyRoute;
  row: Row;
  request: RequestMaker;
}

const cases = routes.flatMap((route): Case[] => {
  const { operation } = route;
  const row = EXPECTED.get(operation);
  const request = REQUESTS[operation];
  // The first test names those that lack one.
  if (row === undefined || request === undefined) return [];
  return (['personal', 'group'] as const).map((kind) => ({ operation, kind, route, row, request }));
});

test('every route has a row and a request, and every row a route', () => {
  const operations = routes.map(({ operation }) => operation).sort();
  expect([...EXPECTED.keys()].sort()).toEqual(operations);
  expect(Object.keys(REQUESTS).sort()).toEqual(operations);
});

describe.each(cases)('$operation of a $kind project', ({ operation, kind, route, row, request }) => {
  const methods = [...route.methods, ...(route.alsoWithoutWarning ?? [])];
  const refused = CALLERS.filter((caller) => row[caller] >= 400);
  const allowed = CALLERS.filter((caller) => row[caller] < 400);

  async function ask(caller: CallerName, method: string, target: Target): Promise<void> {
    const response = await world.send(caller, route.base ?? '/api_3', method, await request(target, caller));
    const text = await response.text();
    checks += 1;
    const what = `${method} by ${caller}: ${text.slice(0, 300)}`;
    expect(response.status, what).toBe(row[caller]);
    if (response.headers.get('content-type') !== 'application/json') return;
    const body = JSON.parse(text) as Record<string, unknown>;
    expect('error' in body, what).toBe(row[caller] >= 400);
    expect(body.output, what).toBe(operation === 'monitor.get' ? 'ok' : row[caller] === 401 ? 'notok' : undefined);
  }

  if (refused.length > 0) {
    test('refuses those who may not, and does nothing for them', async () => {
      const target = await world.target(kind);
      // Everything that the request is about is there before.
      await request(target, 'owner');
      const before = await world.state();
      for (const method of methods) {
        for (const caller of refused) {
          await ask(caller, method, target);
          expect(await world.state(), `${method} by ${caller} must change nothing`).toEqual(before);
          checks += 1;
        }
      }
    });
  }

  if (allowed.length > 0) {
    test('answers those who may', async () => {
      const shared = route.methods[0] === 'GET' ? await world.target(kind) : undefined;
      for (const method of methods) {
        for (const caller of allowed) {
          // A token that is exchanged for a new one is good for nothing else.
          if (operation === 'auth.new-token') await world.renew(caller);
          await ask(caller, method, shared ?? (await world.target(kind)));
          if (operation === 'auth.new-token') await world.renew(caller);
        }
      }
    });
  }
});

test('the matrix is as large as it was when it was written', () => {
  expect(checks).toBeGreaterThan(2_000);
});
