import { expect, test } from 'vitest';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import { InFlight } from './in-flight.ts';

test('a request ends at its deadline, not before, and others go on', async () => {
  const clock = new FakeClock();
  const flights = new InFlight(clock);
  const short = flights.begin('short', 1_000);
  const long = flights.begin('long', 60_000);
  await clock.advance(999);
  flights.sweep();
  expect(short.signal.aborted).toBe(false);
  await clock.advance(1);
  flights.sweep();
  await expect(short.over).rejects.toThrow('short did not finish within 1 s');
  expect([short.signal.aborted, long.signal.aborted]).toEqual([true, false]);
});

test('a stream has no deadline but that of the process', async () => {
  const clock = new FakeClock();
  const flights = new InFlight(clock);
  const stream = flights.begin('stream', 1_000);
  stream.becomeStream();
  await clock.advance(3_600_000);
  flights.sweep();
  expect(stream.signal.aborted).toBe(false);
  const drained = flights.drain();
  expect(stream.signal.aborted).toBe(true);
  stream.end();
  await drained;
  const late = flights.begin('late', 1_000);
  late.becomeStream();
  expect(late.signal.aborted).toBe(true);
});

test('draining waits for all, and ends what does not end', async () => {
  const flights = new InFlight(new FakeClock());
  const [one, two] = [flights.begin('one', 1_000), flights.begin('two', 1_000)];
  let drained = false;
  const draining = flights.drain().then(() => {
    drained = true;
  });
  one.end();
  await Promise.resolve();
  expect(drained).toBe(false);
  flights.abortAll();
  await expect(two.over).rejects.toThrow('stopping');
  two.end();
  await draining;
  expect(flights.size).toBe(0);
});
