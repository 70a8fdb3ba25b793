import { expect, test } from 'vitest';
import { atMost, withDeadline } from './deadline.ts';
import { DeadlineError } from './errors.ts';
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

test('what the interrupted work makes of it does not hide the reason', async () => {
  const clock = new FakeClock();
  const late = withDeadline({ clock, ms: 1_000, what: 'the import' }, (signal) =>
    obedient(signal).catch(() => Promise.reject(new Error('git was killed'))),
  );
  const outcome = expect(late).rejects.toThrow('the import did not finish within 1 s');
  await clock.advance(1_000);
  await outcome;
});

test('work that takes too long is left behind, and work in time is not', async () => {
  const clock = new FakeClock();
  const never = atMost(clock, 1_000, new Promise(() => undefined));
  await clock.advance(1_000);
  expect([await never, await atMost(clock, 1_000, Promise.resolve(42)), clock.sleeping]).toEqual([undefined, 42, 0]);
});
