import fc from 'fast-check';
import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../lib/testing/fakeClock.ts';
import { queueMetrics } from './metrics.ts';
import type { Priority } from './workqueue.ts';
import { WorkQueue } from './workqueue.ts';

function setUp(): { queue: WorkQueue; clock: FakeClock; registry: Registry } {
  const clock = new FakeClock();
  const registry = new Registry();
  return { queue: new WorkQueue({ clock, metrics: queueMetrics(registry, 'test') }), clock, registry };
}

async function drain(queue: WorkQueue): Promise<string[]> {
  const keys: string[] = [];
  while (queue.length > 0) {
    const key = await queue.get();
    if (key === undefined) break;
    keys.push(key);
    queue.done(key);
  }
  return keys;
}

describe('handing out', () => {
  test('keys come in the order they were added, each once', async () => {
    const { queue } = setUp();
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    expect(await drain(queue)).toEqual(['a', 'b', 'c']);
  });

  test('a key added while it is worked on comes back once, after done', async () => {
    const { queue } = setUp();
    queue.add('a');
    expect(await queue.get()).toBe('a');
    queue.add('a');
    queue.add('a');
    expect(queue.length).toBe(0);
    queue.done('a');
    expect(await drain(queue)).toEqual(['a']);
  });

  test('a waiting worker gets the next key at once', async () => {
    const { queue } = setUp();
    const next = queue.get();
    queue.add('a');
    expect(await next).toBe('a');
  });

  test('initial keys wait behind news, and news about an initial key moves it forward', async () => {
    const { queue } = setUp();
    for (const key of ['x', 'y', 'z']) queue.add(key, 'low');
    queue.add('a');
    queue.add('z');
    expect(await drain(queue)).toEqual(['a', 'z', 'x', 'y']);
  });

  test('a key that becomes news while it is worked on as initial waits as news', async () => {
    const { queue } = setUp();
    queue.add('a', 'low');
    await queue.get();
    queue.add('a', 'low');
    queue.add('a');
    queue.add('b', 'low');
    queue.done('a');
    expect(await drain(queue)).toEqual(['a', 'b']);
  });
});

describe('the background', () => {
  test('waits behind news and initial keys, and news about it moves it forward', async () => {
    const { queue } = setUp();
    for (const key of ['p', 'q', 'r']) queue.add(key, 'background');
    queue.add('x', 'low');
    queue.add('a');
    queue.add('q');
    queue.add('r', 'low');
    expect(await drain(queue)).toEqual(['a', 'q', 'x', 'r', 'p']);
  });

  test('is worked on one at a time, however many workers have nothing else to do, and rests twice as long', async () => {
    const { queue, clock } = setUp();
    const got: string[] = [];
    for (let worker = 0; worker < 4; worker++) void queue.get().then((key) => got.push(key as string));
    for (const key of ['p', 'q', 'r']) queue.add(key, 'background');
    await clock.advance(30);
    expect(got).toEqual(['p']);
    queue.add('a');
    await clock.advance(0);
    expect(got).toEqual(['p', 'a']);
    queue.done('a');
    queue.done('p');
    await clock.advance(59);
    expect(got).toEqual(['p', 'a']);
    await clock.advance(1);
    expect(got).toEqual(['p', 'a', 'q']);
    expect(queue.length).toBe(1);
  });

  test('that takes longer than five seconds is not waited for, and no rest is longer', async () => {
    const { queue, clock } = setUp();
    for (const key of ['stuck', 'p', 'q']) queue.add(key, 'background');
    expect(await queue.get()).toBe('stuck');
    const next = queue.get();
    await clock.advance(5_000);
    queue.add('r', 'background');
    expect(await next).toBe('p');
    queue.done('stuck');
    await clock.advance(4_000);
    queue.done('p');
    const after = queue.get();
    await clock.advance(999);
    expect(queue.length).toBe(2);
    await clock.advance(1);
    expect(await after).toBe('q');
  });

  test('has every eighth turn while news never ends', async () => {
    const { queue } = setUp();
    for (const key of ['p', 'q']) queue.add(key, 'background');
    const got: string[] = [];
    for (let i = 0; i < 24; i++) {
      queue.add(`news-${i}`);
      const key = (await queue.get()) as string;
      got.push(key);
      queue.done(key);
    }
    expect(got.indexOf('p')).toBe(7);
    expect(got.indexOf('q')).toBe(15);
  });

  test('that is due later does not delay, nor hurry, what is to be done for the same key', async () => {
    const { queue, clock } = setUp();
    queue.addAfter('a', 500, 'background');
    queue.addAfter('a', 1_000);
    await clock.advance(500);
    expect(await drain(queue)).toEqual(['a']);
    await clock.advance(500);
    expect(await drain(queue)).toEqual(['a']);
  });
});

test('thousands that leave a lane from its middle disturb no order', async () => {
  const { queue } = setUp();
  const keys = Array.from({ length: 5_000 }, (_, index) => `k${index}`);
  for (const key of keys) queue.add(key, 'low');
  const moved = keys.filter((_, index) => index % 10 !== 0);
  for (const key of moved) queue.add(key);
  expect(await drain(queue)).toEqual([...moved, ...keys.filter((_, index) => index % 10 === 0)]);
});

describe('delays', () => {
  test('a delayed key arrives at its time, not before', async () => {
    const { queue, clock } = setUp();
    queue.addAfter('a', 1_000);
    await clock.advance(999);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(await drain(queue)).toEqual(['a']);
  });

  test('of several delays the earliest counts, once', async () => {
    const { queue, clock } = setUp();
    queue.addAfter('a', 5_000);
    queue.addAfter('a', 1_000);
    queue.addAfter('a', 3_000);
    await clock.advance(1_000);
    expect(await drain(queue)).toEqual(['a']);
    await clock.advance(10_000);
    expect(queue.length).toBe(0);
    expect(clock.sleeping).toBe(0);
  });

  test('many delays share one timer', () => {
    const { queue, clock } = setUp();
    for (let i = 1000; i > 0; i--) queue.addAfter(`k${i}`, i * 10);
    expect(clock.sleeping).toBe(1);
  });

  test('a wait longer than timers can be still ends', async () => {
    const { queue, clock } = setUp();
    const sixtyDays = 60 * 86_400_000;
    queue.addAfter('a', sixtyDays);
    await clock.advance(sixtyDays - 1);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(queue.length).toBe(1);
  });

  test('failures double the wait from 5 ms up to 5 min, and forget starts over', () => {
    const { queue } = setUp();
    const waits = Array.from({ length: 18 }, () => queue.addRateLimited('a'));
    expect(waits.slice(0, 5)).toEqual([5, 10, 20, 40, 80]);
    expect(waits.at(-1)).toBe(300_000);
    expect(queue.retries('a')).toBe(18);
    queue.forget('a');
    expect(queue.addRateLimited('a')).toBe(5);
  });

  test('a jump of the wall clock changes nothing', async () => {
    const { queue, clock } = setUp();
    queue.addAfter('a', 1_000);
    clock.jump(3_600_000);
    await clock.advance(10);
    expect(queue.length).toBe(0);
    clock.jump(-7_200_000);
    await clock.advance(990);
    expect(queue.length).toBe(1);
  });
});

test('shutdown releases waiting workers, drops what waits, and takes nothing in', async () => {
  const { queue, clock } = setUp();
  const waiting = queue.get();
  queue.addAfter('later', 1_000);
  queue.shutdown();
  expect(await waiting).toBeUndefined();
  queue.add('a');
  queue.addAfter('b', 5);
  expect(await queue.get()).toBeUndefined();
  expect(clock.sleeping).toBe(0);
});

test('metrics tell depth, adds and retries', async () => {
  const { queue, registry } = setUp();
  queue.add('a');
  queue.add('b', 'low');
  queue.addRateLimited('c');
  const text = await registry.metrics();
  expect(text).toContain('workqueue_depth{name="test",controller="test"} 2');
  expect(text).toContain('workqueue_adds_total{name="test",controller="test",priority="low"} 1');
  expect(text).toContain('workqueue_retries_total{name="test",controller="test"} 1');
});

/** What a queue promises, as a program of a few lines. */
class Model {
  readonly dirty = new Map<string, Priority>();
  readonly working = new Set<string>();
  readonly delayed: { key: string; at: number; priority: Priority }[] = [];
  background: { key: string; since: number } | undefined;
  restsUntil = 0;
  now = 0;

  add(key: string, priority: Priority): void {
    const known = this.dirty.get(key);
    if (known === undefined || ORDER.indexOf(priority) < ORDER.indexOf(known)) this.dirty.set(key, priority);
  }

  after(key: string, ms: number, priority: 'normal' | 'background'): void {
    this.delayed.push({ key, at: this.now + ms, priority });
  }

  /** Of several delays the earliest counts, for the background and for the rest. */
  advance(ms: number): void {
    this.now += ms;
    for (const priority of ['normal', 'background'] as const) {
      const due = this.delayed.filter((delay) => delay.priority === priority && delay.at <= this.now);
      for (const key of new Set(due.map((delay) => delay.key))) {
        this.add(key, priority);
        for (const later of this.delayed.filter((delay) => delay.priority === priority && delay.key === key)) {
          this.delayed.splice(this.delayed.indexOf(later), 1);
        }
      }
    }
  }

  waiting(): string[] {
    return [...this.dirty.keys()].filter((key) => !this.working.has(key));
  }

  available(): string[] {
    const isBusy = this.background !== undefined || this.restsUntil > this.now;
    return this.waiting().filter((key) => !isBusy || this.dirty.get(key) !== 'background');
  }

  take(key: string): void {
    if (this.dirty.get(key) === 'background') this.background = { key, since: this.now };
    this.dirty.delete(key);
    this.working.add(key);
  }

  done(key: string): void {
    this.working.delete(key);
    if (this.background?.key !== key) return;
    this.restsUntil = this.now + 2 * (this.now - this.background.since);
    this.background = undefined;
  }
}

const ORDER = ['normal', 'low', 'background'] as const;

type Step =
  | { do: 'add'; key: string; priority: Priority }
  | { do: 'after'; key: string; ms: number; priority: 'normal' | 'background' }
  | { do: 'advance'; ms: number }
  | { do: 'get' }
  | { do: 'done'; nth: number };

test('no key is lost, doubled or worked on twice at a time, whatever happens in whatever order', async () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const later = fc.constantFrom('normal' as const, 'background' as const);
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ do: fc.constant('add' as const), key, priority: fc.constantFrom(...ORDER) }),
    fc.record({ do: fc.constant('after' as const), key, ms: fc.integer({ min: 1, max: 50 }), priority: later }),
    fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 60 }) }),
    fc.record({ do: fc.constant('get' as const) }),
    fc.record({ do: fc.constant('done' as const), nth: fc.nat(3) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { queue, clock } = setUp();
      const model = new Model();
      for (const action of steps) {
        if (action.do === 'add') {
          queue.add(action.key, action.priority);
          model.add(action.key, action.priority);
        } else if (action.do === 'after') {
          queue.addAfter(action.key, action.ms, action.priority);
          model.after(action.key, action.ms, action.priority);
        } else if (action.do === 'advance') {
          await clock.advance(action.ms);
          model.advance(action.ms);
        } else if (action.do === 'get') {
          const available = model.available();
          if (available.length === 0) continue;
          const got = (await queue.get()) as string;
          expect(available).toContain(got);
          model.take(got);
        } else {
          const working = [...model.working][action.nth];
          if (working === undefined) continue;
          queue.done(working);
          model.done(working);
        }
        expect(queue.length).toBe(model.waiting().length);
      }
    }),
    { numRuns: 300 },
  );
});
