import { expect, test } from 'vitest';

import { DeadlineError } from '../lib/errors.ts';
import { withDeadline } from './deadline.ts';
import { toMicroTime } from './microTime.ts';
import { FakeClock } from './testing/fakeClock.ts';

/** Work that ends only when it is told to. */
function obedient(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });
}

test('work in time leaves nothing behind', async () => {
  const clock = new FakeClock();
  expect(await withDeadline({ clock, ms: 1_000, what: 'a sum' }, async () => 42)).toBe(42);
  expect(clock.sleeping).toBe(0);
});

test('work past its time is told so by an error that names it', async () => {
  const clock = new FakeClock();
  const late = withDeadline({ clock, ms: 90_000, what: 'the upload of build.log' }, obedient);
  const outcome = expect(late).rejects.toThrow(DeadlineError);
  await clock.advance(90_000);
  await outcome;
  await expect(late).rejects.toThrow('the upload of build.log did not finish within 90 s');
});

test('an outer signal ends it with its own reason, before or during the work', async () => {
  const clock = new FakeClock();
  const outer = new AbortController();
  const during = withDeadline({ clock, ms: 1_000, what: 'x', signal: outer.signal }, obedient);
  outer.abort(new Error('shutting down'));
  await expect(during).rejects.toThrow('shutting down');
  await expect(withDeadline({ clock, ms: 1_000, what: 'x', signal: outer.signal }, obedient)).rejects.toThrow(
    'shutting down',
  );
  expect(clock.sleeping).toBe(0);
});

test.each([
  [1_767_225_600_000, '2026-01-01T00:00:00.000000Z'],
  [1_767_225_600_007.9, '2026-01-01T00:00:00.007000Z'],
])('%d is the MicroTime %s', (ms, text) => {
  expect(toMicroTime(ms)).toBe(text);
});
