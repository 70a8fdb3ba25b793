import { beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../lib/testing/fakeClock.ts';
import { Paces } from './paces.ts';

let clock: FakeClock;
let paces: Paces;

beforeEach(() => {
  clock = new FakeClock();
  paces = new Paces(clock);
});

test('a key that was never reconciled need not wait', () => {
  expect(paces.left('demo/a', 1_000)).toBe(0);
});

test('a key waits for what is left since its last reconcile', async () => {
  paces.begin('demo/a');
  await clock.advance(300);
  expect(paces.left('demo/a', 1_000)).toBe(700);
  expect(paces.left('demo/b', 1_000)).toBe(0);
  paces.begin('demo/a');
  expect(paces.left('demo/a', 1_000)).toBe(1_000);
  await clock.advance(1_000);
  expect(paces.left('demo/a', 1_000)).toBe(0);
});

test('nobody waits for longer than a minute, after which a key is forgotten', async () => {
  paces.begin('demo/a');
  expect(paces.left('demo/a', 3_600_000)).toBe(60_000);
  await clock.advance(60_001);
  paces.begin('demo/b');
  expect(paces.left('demo/a', 3_600_000)).toBe(0);
});
