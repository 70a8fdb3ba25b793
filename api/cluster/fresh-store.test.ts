import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import type { KubeObject } from '../../operator/resource.ts';
import { ObjectStore } from '../../operator/store.ts';
import { quietLog } from '../../operator/testing/harness.ts';
import { FreshStore } from './fresh-store.ts';

interface Thing extends KubeObject {
  spec: { colour: string };
}

function thing(name: string, version: number, colour = 'red', more: Partial<Thing['metadata']> = {}): Thing {
  const metadata = { name, namespace: 'n', uid: `uid-${name}`, resourceVersion: String(version), ...more };
  return { apiVersion: 'v1', kind: 'Thing', metadata, spec: { colour } };
}

function rig() {
  const cache = new ObjectStore<Thing>(quietLog);
  const clock = new FakeClock();
  const fresh = new FreshStore(cache, clock);
  fresh.addIndex('colour', ({ spec }) => [spec.colour]);
  cache.observe('', '10');
  const names = (colour: string): string[] => fresh.byIndex('colour', colour).map(({ metadata }) => metadata.name);
  return { cache, clock, fresh, names };
}

describe('a cache with one’s own writes', () => {
  it('shows a write before the cache does, under its new index value', () => {
    const { cache, fresh, names } = rig();
    cache.upsert(thing('a', 5, 'red'));
    fresh.wrote(thing('a', 11, 'blue'));
    expect([fresh.get('n/a')?.spec.colour, names('red'), names('blue')]).toEqual(['blue', [], ['a']]);
    expect(fresh.list()).toHaveLength(1);
  });

  it('does not go back when the cache shows something older than what was written', () => {
    const { cache, fresh } = rig();
    fresh.wrote(thing('a', 12, 'blue'));
    cache.upsert(thing('a', 11, 'red'));
    expect(fresh.get('n/a')?.spec.colour).toBe('blue');
    cache.upsert(thing('a', 13, 'green'));
    expect(fresh.get('n/a')?.spec.colour).toBe('green');
  });

  it('takes the newer of two answers that come in the wrong order', () => {
    const { fresh } = rig();
    fresh.wrote(thing('a', 12, 'blue'));
    expect(fresh.wrote(thing('a', 11, 'red')).spec.colour).toBe('blue');
    expect(fresh.get('n/a')?.spec.colour).toBe('blue');
  });

  it('does not bring back what was deleted before the answer to its creation came', () => {
    const { cache, fresh } = rig();
    cache.upsert(thing('a', 11));
    cache.remove('n/a');
    cache.observe('', '12');
    fresh.wrote(thing('a', 11));
    expect([fresh.get('n/a'), fresh.list()]).toEqual([undefined, []]);
  });

  it('hides what was deleted at once, also while the cache has it, and shows the next one of that name', () => {
    const { cache, fresh, names } = rig();
    const old = thing('a', 9);
    cache.upsert(old);
    fresh.deleted(old);
    expect([fresh.get('n/a'), names('red')]).toEqual([undefined, []]);
    cache.upsert(thing('a', 11, 'red', { deletionTimestamp: '2026-11-24T00:00:00Z' }));
    cache.observe('', '11');
    expect(fresh.get('n/a')).toBeUndefined();
    cache.remove('n/a');
    cache.upsert(thing('a', 12, 'red', { uid: 'another' }));
    expect(fresh.get('n/a')?.metadata.uid).toBe('another');
  });

  it('tells listeners of writes, and again when the cache has caught up without an event', () => {
    const { cache, fresh } = rig();
    const told: string[] = [];
    fresh.onChange(({ metadata }) => told.push(`${metadata.name}@${metadata.resourceVersion}`));
    fresh.wrote(thing('a', 11));
    expect(told).toEqual(['a@11']);
    cache.observe('', '20');
    fresh.settle();
    expect(told).toEqual(['a@11', 'a@11']);
    expect(fresh.get('n/a')).toBeUndefined();
  });

  it('trusts a cache that does not show a write for a minute', async () => {
    const { clock, fresh } = rig();
    fresh.wrote(thing('a', 11));
    await clock.advance(59_000);
    expect(fresh.get('n/a')).toBeDefined();
    await clock.advance(2_000);
    expect(fresh.get('n/a')).toBeUndefined();
  });
});
