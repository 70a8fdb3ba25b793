import { expect, test } from 'vitest';

import { apiErrorFrom, isFutureVersion, isGone } from './apiError.ts';
import { defaultRetryPolicy, retryDelayMs } from './retry.ts';

const answer = (status: number, retryAfter?: string): Error => apiErrorFrom('GET', '/x', status, '', retryAfter);
const network = (code: string): Error => Object.assign(new Error(code), { code });

test.each([
  ['429 of anything', answer(429), false, 100],
  ['429 with Retry-After', answer(429, '2'), false, 2_100],
  ['429 that asks for minutes', answer(429, '600'), true, undefined],
  ['500 of something idempotent', answer(500), true, 100],
  ['500 of a create', answer(500), false, undefined],
  ['404', answer(404), true, undefined],
  ['409', answer(409), true, undefined],
  ['a reset of something idempotent', network('ECONNRESET'), true, 100],
  ['a reset of a create', network('ECONNRESET'), false, undefined],
  ['a refused connection of a create', network('ECONNREFUSED'), false, 100],
  [
    'a refused connection deep in the causes',
    new Error('fetch failed', { cause: network('ECONNREFUSED') }),
    false,
    100,
  ],
])('%s', (_name, error, idempotent, expected) => {
  // random 0.999… gives the full back-off
  const delay = retryDelayMs(error, 1, idempotent, defaultRetryPolicy, 0.999_999);
  expect(delay === undefined ? undefined : Math.round(delay)).toBe(expected);
});

test('waits double up to their limit, with jitter of a half, and end after five attempts', () => {
  const waits = [1, 2, 3, 4, 5].map((attempt) => retryDelayMs(answer(503), attempt, true, defaultRetryPolicy, 0));
  expect(waits).toEqual([50, 100, 200, 400, undefined]);
  expect(retryDelayMs(answer(503), 9, true, { ...defaultRetryPolicy, attempts: 20 }, 0)).toBe(2_500);
});

test('expired history and versions from the future are told apart', () => {
  expect(isGone(apiErrorFrom('GET', '/x', 410, '{"reason":"Expired"}'))).toBe(true);
  const body = {
    reason: 'Timeout',
    message: 'Too large resource version: 9, current: 5',
    details: { retryAfterSeconds: 1 },
  };
  const future = apiErrorFrom('GET', '/x', 504, JSON.stringify(body));
  expect([isFutureVersion(future), isGone(future), future.retryAfterMs]).toEqual([true, false, 1_000]);
});
