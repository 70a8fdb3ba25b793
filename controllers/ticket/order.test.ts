import { describe, expect, it } from 'vitest';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { ago, aPool, aTicket } from '../testing/objects.ts';
import { running, served, tickets } from './testing/worlds.ts';

describe('the order of service', () => {
  it('is the age of tickets when nothing else tells them apart', () => {
    expect(served({ tickets: tickets('a/p/1', 'a/p/2', 'a/p/3').reverse() })).toEqual(['a/p/1', 'a/p/2', 'a/p/3']);
  });

  it('is the name between tickets of the same second', () => {
    const same = ['a/p/2', 'a/p/1'].map((name) => aTicket(name, {}, undefined, { creationTimestamp: ago(5) }));
    expect(served({ tickets: same })).toEqual(['a/p/1', 'a/p/2']);
  });

  it('is priority before anything else', () => {
    const [old, young] = tickets('a/p/old', 'b/p/young');
    const urgent = { ...young, spec: { ...young?.spec, priority: 1000 } } as BuilderTicket;
    expect(served({ tickets: [old as BuilderTicket, urgent] })).toEqual(['b/p/young', 'a/p/old']);
  });

  it('alternates between owners, however many tickets one of them has', () => {
    const all = tickets('a/p/1', 'a/p/2', 'a/p/3', 'a/p/4', 'b/p/1', 'b/p/2');
    expect(served({ tickets: all })).toEqual(['a/p/1', 'b/p/1', 'a/p/2', 'b/p/2']);
  });

  it('alternates between the sandboxes of an owner', () => {
    const all = tickets('a/p/1', 'a/p/2', 'a/p/3', 'a/q/1');
    expect(served({ tickets: all })).toEqual(['a/p/1', 'a/q/1', 'a/p/2', 'a/p/3']);
  });

  it('counts what runs already', () => {
    const { tickets: busy, builders } = running('a/p/r1', 'a/p/r2');
    const all = [...busy, ...tickets('a/p/1', 'a/p/2', 'b/p/1', 'b/p/2')];
    expect(served({ tickets: all, builders })).toEqual(['b/p/1', 'b/p/2']);
  });

  it('gives an owner of three times the weight three times the places', () => {
    const names = (owner: string): string[] => Array.from({ length: 8 }, (_, i) => `${owner}/p/${i}`);
    const quotas = new Map([
      ['a', { weight: 300 }],
      ['b', { weight: 100 }],
    ]);
    const pools = [aPool('default', { max: 8, maxStarting: 8 })];
    const owners = served({ tickets: tickets(...names('a'), ...names('b')), quotas, pools }).map((name) => name[0]);
    expect([owners.filter((owner) => owner === 'a').length, owners.length]).toEqual([6, 8]);
  });

  it('counts a stage whose ticket is closed until its builder is gone', () => {
    const { builders } = running('a/p/closing');
    const pools = [aPool('default', { max: 2 })];
    expect(served({ tickets: tickets('a/p/1', 'b/p/1'), builders, pools })).toEqual(['b/p/1']);
  });

  it('serves others when the first in line cannot be served', () => {
    const [first, second] = tickets('a/p/1', 'b/p/1');
    const exotic = { ...first, spec: { ...first?.spec, architecture: 's390x' } } as BuilderTicket;
    expect(served({ tickets: [exotic, second as BuilderTicket] })).toEqual(['b/p/1']);
  });
});
