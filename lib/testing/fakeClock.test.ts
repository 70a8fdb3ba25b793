import { expect, test } from 'vitest';

import { FakeClock } from './fakeClock.ts';

test('sleepers wake in the order of their times, also those that start meanwhile', async () => {
  const clock = new FakeClock();
  const woken: string[] = [];
  const sleeper = async (name: string, ms: number): Promise<void> => {
    await clock.sleep(ms);
    woken.push(`${name} at ${clock.monotonic()}`);
  };
  void sleeper('late', 300);
  void sleeper('early', 100).then(() => sleeper('nested', 50));
  await clock.advance(200);
  expect(woken).toEqual(['early at 100', 'nested at 150']);
  expect(clock.nextIn).toBe(100);
  await clock.advance(100);
  expect(woken.at(-1)).toBe('late at 300');
  expect(clock.now()).toBe(1_767_225_600_300);
});

test('an aborted sleep rejects with the reason and is gone', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const sleep = clock.sleep(100, stop.signal);
  stop.abort(new Error('enough'));
  await expect(sleep).rejects.toThrow('enough');
  await expect(clock.sleep(1, stop.signal)).rejects.toThrow('enough');
  expect(clock.sleeping).toBe(0);
});

test('a jump moves the wall clock alone', async () => {
  const clock = new FakeClock(1_000);
  clock.jump(-500);
  await clock.advance(10);
  expect([clock.now(), clock.monotonic()]).toEqual([510, 10]);
});
