import { describe, expect, test } from 'vitest';

import { DeadlineError } from '../lib/errors.ts';
import { FakeClock } from '../lib/testing/fakeClock.ts';
import type { ApiClient } from './client.ts';
import { ApiError, isNotFound } from './client.ts';
import { aWidget, meta, Widgets } from './testing/builders.ts';
import { useClientRig } from './testing/clientRig.ts';
import type { FakeApi } from './testing/fakeApi.ts';
import { eventually, testClient } from './testing/harness.ts';

let api: FakeApi;
let client: ApiClient;

useClientRig((fresh) => {
  ({ api, client } = fresh);
});

describe('failures', () => {
  test('429 is obeyed for any method, and then the request goes through', async () => {
    api.fault({ method: 'POST', times: 2, action: { status: 429, retryAfterSeconds: 0 } });
    await client.create(Widgets, aWidget('demo/w'));
    expect(api.requests).toHaveLength(3);
  });

  test('Retry-After is waited for on the clock that was passed in', async () => {
    const clock = new FakeClock();
    const slow = testClient(api.url, { clock });
    api.fault({ method: 'GET', action: { status: 429, retryAfterSeconds: 7 } });
    const answer = slow.get(Widgets, 'demo/w');
    await eventually('the first answer', () => (clock.nextIn ?? 0) > 5_000 && (clock.nextIn ?? 0) < 8_000);
    expect(api.requests).toHaveLength(1);
    await clock.advance(8_000);
    expect(await answer).toBeUndefined();
    expect(api.requests).toHaveLength(2);
    await slow.close();
  });

  test.each([
    ['a 503', { status: 503 } as const],
    ['a reset connection', 'reset' as const],
    ['a lost answer', 'lose-answer' as const],
  ])('%s is retried for an apply', async (_name, action) => {
    api.fault({ method: 'PATCH', action });
    await client.apply(Widgets, { metadata: meta('demo/w'), spec: { size: 1 } }, { manager: 'kopr-a' });
    expect(api.requests).toHaveLength(2);
  });

  test.each([
    ['a 503', { status: 503 } as const],
    ['a reset connection', 'reset' as const],
    ['a lost answer', 'lose-answer' as const],
  ])('%s is not retried for a create, whose outcome is unknown', async (_name, action) => {
    api.fault({ method: 'POST', action });
    await expect(client.create(Widgets, aWidget('demo/w'))).rejects.toThrow();
    expect(api.requests).toHaveLength(1);
  });

  test('retries end', async () => {
    api.fault({ times: 100, action: { status: 500, message: 'boom' } });
    await expect(client.get(Widgets, 'demo/w')).rejects.toThrow('500 Injected: boom');
    expect(api.requests).toHaveLength(5);
  });

  test('silence ends with an error that names the request', async () => {
    const clock = new FakeClock();
    const patient = testClient(api.url, { clock, timeoutMs: 30_000, retry: { attempts: 1 } });
    api.fault({ action: 'silence' });
    const answer = patient.get(Widgets, 'demo/w');
    const outcome = expect(answer).rejects.toThrow(DeadlineError);
    await eventually('the request', () => api.requests.length === 1);
    await clock.advance(30_000);
    await outcome;
    await expect(answer).rejects.toThrow(
      'GET /apis/test.kopr.dev/v1/namespaces/demo/widgets/w did not finish within 30 s',
    );
    expect(clock.sleeping).toBe(0);
    await patient.close();
  });

  test('an abort by the caller ends the request and its retries', async () => {
    api.fault({ times: 9, action: 'silence' });
    const stop = new AbortController();
    const answer = client.get(Widgets, 'demo/w', { signal: stop.signal });
    await eventually('the request', () => api.requests.length === 1);
    stop.abort(new Error('no longer wanted'));
    await expect(answer).rejects.toThrow('no longer wanted');
    expect(api.requests).toHaveLength(1);
  });

  test('an error in plain text keeps its status and text', async () => {
    api.fault({ action: { status: 404, plainText: '404 page not found' } });
    const error = await client.list(Widgets).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toSatisfy(isNotFound);
    expect(String(error)).toContain('404 page not found');
  });

  test('expired credentials are read anew, once', async () => {
    let reads = 0;
    const access = {
      server: api.url,
      namespace: 'default',
      credentials: async (fresh?: boolean) => {
        if (fresh) reads += 1;
        return { headers: {}, tls: {} };
      },
    };
    const own = testClient(access);
    api.fault({ action: { status: 401 } });
    expect(await own.get(Widgets, 'demo/w')).toBeUndefined();
    expect(reads).toBe(1);
    api.fault({ action: { status: 401 }, times: 2 });
    await expect(own.get(Widgets, 'demo/w')).rejects.toThrow('401');
    await own.close();
  });
});
