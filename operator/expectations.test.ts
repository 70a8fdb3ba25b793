import { beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../lib/testing/fakeClock.ts';
import { Expectations } from './expectations.ts';
import { ObjectStore } from './store.ts';
import type { Widget } from './testing/builders.ts';
import { aWidget, Gadgets, Widgets } from './testing/builders.ts';
import { quietLog } from './testing/harness.ts';
import type { Write } from './writes.ts';

let clock: FakeClock;
let store: ObjectStore<Widget>;
let expectations: Expectations;

beforeEach(() => {
  clock = new FakeClock();
  store = new ObjectStore<Widget>(quietLog);
  expectations = new Expectations(clock, (type) => (type.plural === 'widgets' ? (store as never) : undefined));
});

const wrote = (resourceVersion?: string): Write => ({
  type: Widgets,
  key: 'demo/w',
  uid: 'u',
  ...(resourceVersion === undefined ? {} : { resourceVersion }),
});
const cached = (version: string, uid = 'u'): Widget =>
  aWidget('demo/w', { metadata: { uid, resourceVersion: version } });

test.each<[string, () => void]>([
  ['the object at that version', () => store.upsert(cached('10'))],
  ['the object at a later one', () => store.upsert(cached('11'))],
  ['a bookmark past it, although the object is not there', () => store.observe('', '10')],
])('a write is seen by %s', (_name, happen) => {
  store.upsert(cached('9'));
  expectations.record('c demo/w', [wrote('10')]);
  expect(expectations.satisfied('c demo/w')).toBe(false);
  happen();
  expect(expectations.satisfied('c demo/w')).toBe(true);
});

test('a deletion is seen when the object, or that very one, is gone', () => {
  store.upsert(cached('9'));
  expectations.record('c demo/w', [wrote()]);
  expect(expectations.satisfied('c demo/w')).toBe(false);
  store.upsert(cached('12', 'another'));
  expect(expectations.satisfied('c demo/w')).toBe(true);
});

test('writes to what is not cached, or seen already, are not waited for', () => {
  store.upsert(cached('10'));
  expectations.record('c demo/w', [wrote('10'), { type: Gadgets, key: 'g', resourceVersion: '99' }]);
  expect(expectations.satisfied('c demo/w')).toBe(true);
});

test('waiting ends with the last of several writes', async () => {
  expectations.record('c demo/w', [wrote('10'), wrote('12')]);
  const settled = expectations.settled('c demo/w', 5_000, new AbortController().signal);
  store.observe('', '11');
  store.observe('', '12');
  expect(await settled).toBeUndefined();
  expect(clock.sleeping).toBe(0);
});

test('waiting ends in time, naming what is missing, and an old debt is forgotten after five minutes', async () => {
  expectations.record('c demo/w', [wrote('10')]);
  const settled = expectations.settled('c demo/w', 5_000, new AbortController().signal);
  await clock.advance(5_000);
  expect(await settled).toBe('widgets.test.kopr.dev demo/w');
  await clock.advance(5 * 60_000);
  expect(expectations.satisfied('c demo/w')).toBe(true);
});

test('keys do not wait for one another', () => {
  expectations.record('c demo/a', [wrote('10')]);
  expect(expectations.satisfied('c demo/b')).toBe(true);
});

test('what is never asked for again is forgotten when it is seen, or after five minutes', async () => {
  expectations.record('c demo/seen', [wrote('10')]);
  expectations.record('c demo/never', [wrote('99')]);
  expectations.record('c demo/later', [wrote('11')]);
  expect(expectations.size).toBe(3);
  store.observe('', '11');
  expectations.record('c demo/new', [wrote('98')]);
  // What comes after one that is not seen has to wait for it.
  expect(expectations.size).toBe(3);
  await clock.advance(5 * 60_000);
  expectations.record('c demo/newer', [wrote('97')]);
  expect(expectations.size).toBe(1);
});
