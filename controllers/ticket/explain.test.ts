import { describe, expect, it } from 'vitest';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { ago, aPool, aTicket, NOW } from '../testing/objects.ts';
import { planOf } from './testing/plan.ts';
import type { WorldParts } from './testing/worlds.ts';
import { aLoan, aMachine, aMachinePool, aWorld, running, tickets } from './testing/worlds.ts';

function waiting(parts: WorldParts) {
  return planOf(aWorld(parts), NOW).waiting;
}

const FULL = [aPool('default', { max: 0 })];

describe('a waiting ticket is told', () => {
  it.each([
    { title: 'no pool has its architecture', pool: { architectures: ['ppc64le'] }, reason: 'NoPool' },
    { title: 'its pool is suspended', pool: { suspend: true }, reason: 'PoolSuspended' },
    { title: 'its pool is full', pool: { max: 0 }, reason: 'PoolFull' },
  ])('$reason when $title', ({ pool, reason }) => {
    const told = waiting({ tickets: tickets('a/p/1'), pools: [aPool('default', pool)] });
    expect(told).toMatchObject([{ reason, message: expect.stringMatching(/^[a-z].*[^.]$/) }]);
  });

  it('PoolPaused, and the next cycle is due when the pause ends', () => {
    const pools = [aPool('default', {}, { pausedUntil: ago(-30) }), aPool('other', {}, { pausedUntil: ago(-20) })];
    const plan = planOf(aWorld({ tickets: tickets('a/p/1'), pools }), NOW);
    expect(plan.waiting).toMatchObject([{ reason: 'PoolPaused', position: 0 }]);
    expect(plan.waiting[0]?.estimatedSeconds).toBeGreaterThan(20);
    expect(plan.wakeAt).toBe(NOW + 20_000);
    expect(planOf(aWorld({ tickets: tickets('a/p/1'), pools }), NOW + 30_000).assign).toHaveLength(1);
  });

  it('which kind of pool there is none of', () => {
    const pod = aTicket('t', { environment: 'pod' });
    const machine = aTicket('t', { environment: 'machine' });
    const messages = [
      waiting({ tickets: [pod], pools: [aMachinePool('cloud')] }),
      waiting({ tickets: [machine] }),
      waiting({ tickets: [aLoan('t', { tags: ['copr_builder'] })] }),
    ].map(([first]) => first?.message);
    expect(messages).toEqual([
      'no BuilderPool offers x86_64 in pods; "kubectl get builderpools -A" lists what there is',
      'no BuilderPool offers x86_64 on machines; "kubectl get builderpools -A" lists what there is',
      'no BuilderPool offers x86_64 on machines with the tags copr_builder; "kubectl get builderpools -A" lists what there is',
    ]);
  });

  it('a few pools by name, and how many more there are', () => {
    const pools = Array.from({ length: 11 }, (_, i) => aPool(`pool${String(i).padStart(2, '0')}`, { max: 0 }));
    expect(waiting({ tickets: tickets('a/p/1'), pools })[0]?.message).toMatch(/pool pool00, .*pool07 and 3 more$/);
  });
});

describe('a ticket that waits for a machine', () => {
  const starting = (name: string) => aMachine(name, { status: { phase: 'Starting' } });

  it('is told of those that start, as many tickets as there are of them', () => {
    const told = waiting({
      tickets: tickets('a/p/1', 'b/p/1', 'c/p/1'),
      builders: [starting('m1'), starting('m2')],
      pools: [aMachinePool('cloud', { max: 2 }, { statistics: { startSeconds: 90 } })],
    });
    const two = 'waits for a machine of pool cloud; 2 are starting';
    expect(told.map(({ reason, message, estimatedSeconds }) => [reason, message, estimatedSeconds])).toEqual([
      ['MachineStarting', two, 90],
      ['MachineStarting', two, 90],
      ['PoolFull', 'waits for a free builder in pool cloud', 450],
    ]);
  });

  it('is told that one is to be started while the pool has room', () => {
    const told = waiting({ tickets: tickets('a/p/1'), pools: [aMachinePool('cloud')] });
    expect(told).toMatchObject([
      { reason: 'MachineStarting', message: 'waits for a machine of pool cloud; one is to be started' },
    ]);
  });

  it.each([
    { title: 'one of its on-demand tags', tags: ['power'], reason: 'MachineStarting', word: 'one is to be started' },
    { title: 'none of its on-demand tags', tags: [], reason: 'PoolFull', word: 'on-demand tags' },
  ])('of a pool on demand, asking for $title, hears $reason', ({ tags, reason, word }) => {
    const pools = [aMachinePool('power', { onDemandTags: [{ name: 'power', priority: 0 }] })];
    expect(waiting({ tickets: [aTicket('t', { tags })], pools })).toMatchObject([
      { reason, message: expect.stringContaining(word) },
    ]);
  });

  it('waits for nothing that starts while the pool pauses', () => {
    const pools = [aMachinePool('cloud', {}, { pausedUntil: ago(-30) })];
    expect(waiting({ tickets: tickets('a/p/1'), pools })).toMatchObject([{ reason: 'PoolPaused' }]);
  });
});

describe('positions', () => {
  it('are the order in which tickets will be served, with shares growing as they are', () => {
    const all = tickets('a/p/1', 'a/p/2', 'a/p/3', 'b/p/1', 'b/p/2');
    const shown = waiting({ tickets: all, pools: FULL }).map(({ ticket, position }) => [
      position,
      ticket.metadata.name,
    ]);
    expect(shown).toEqual([
      [0, 'a/p/1'],
      [1, 'b/p/1'],
      [2, 'a/p/2'],
      [3, 'b/p/2'],
      [4, 'a/p/3'],
    ]);
  });

  it('are not for tickets that nothing will serve, which stand in nobody’s way', () => {
    const [stuck, next] = tickets('a/p/1', 'b/p/1');
    const exotic = { ...stuck, spec: { ...stuck?.spec, architecture: 's390x' } } as BuilderTicket;
    const told = waiting({ tickets: [exotic, next as BuilderTicket], pools: FULL });
    expect(told.map(({ reason, position }) => [reason, position])).toEqual([
      ['PoolFull', 0],
      ['NoPool', undefined],
    ]);
  });

  it('of tickets that a quota holds back come behind all others', () => {
    const { tickets: busy, builders } = running('a/p/r1');
    const all = [...busy, ...tickets('a/p/1', 'a/p/2', 'b/p/1', 'b/p/2')];
    const quotas = new Map([['a', { weight: 100, maxRunning: 1 }]]);
    const told = waiting({ tickets: all, builders, quotas, pools: FULL });
    expect(told.map(({ ticket, reason, position }) => [ticket.metadata.name, reason, position])).toEqual([
      ['b/p/1', 'PoolFull', 0],
      ['b/p/2', 'PoolFull', 1],
      ['a/p/1', 'QuotaExceeded', 2],
      ['a/p/2', 'QuotaExceeded', 3],
    ]);
  });

  it('tell the first ticket that the quota lets in from those behind it', () => {
    const quotas = new Map([['a', { weight: 100, maxRunning: 1 }]]);
    const told = waiting({ tickets: tickets('a/p/1', 'a/p/2', 'a/p/3'), quotas, pools: FULL });
    expect(told.map(({ reason }) => reason)).toEqual(['PoolFull', 'QuotaExceeded', 'QuotaExceeded']);
  });
});

describe('estimates', () => {
  const statistics = { buildSeconds: 100 };
  const busy = (name: string, max: number) => {
    const { tickets: own, builders } = running(...Array.from({ length: max }, (_, i) => `z/${name}/${i}`));
    return { own, builders: builders.map((each) => ({ ...each, spec: { ...each.spec, pool: name } })) };
  };
  const estimates = (parts: WorldParts) => waiting(parts).map(({ estimatedSeconds }) => estimatedSeconds);

  it('come from the places of the pool and how long builders were in use', () => {
    const { own, builders } = busy('default', 4);
    const pools = [aPool('default', { max: 4 }, { statistics })];
    expect(estimates({ tickets: [...own, ...tickets('a/p/1', 'a/p/2', 'a/p/3')], builders, pools })).toEqual([
      25, 50, 75,
    ]);
  });

  it('assume five minutes as long as nothing is known', () => {
    const { own, builders } = busy('default', 4);
    expect(estimates({ tickets: [...own, ...tickets('a/p/1')], builders })).toEqual([75]);
  });

  it('count only tickets that go to the same pools', () => {
    const [one, two] = [busy('one', 1), busy('two', 1)];
    const pools = [
      aPool('one', { max: 1, architectures: ['x86_64'] }, { statistics }),
      aPool('two', { max: 1, architectures: ['i386'] }, { statistics }),
    ];
    const all = tickets('a/p/1', 'a/p/2', 'b/p/1').map((each, index) => ({
      ...each,
      spec: { ...each.spec, architecture: index === 2 ? 'i386' : 'x86_64' },
    }));
    const told = waiting({
      tickets: [...one.own, ...two.own, ...all],
      builders: [...one.builders, ...two.builders],
      pools,
    });
    expect(told.map(({ ticket, estimatedSeconds }) => [ticket.metadata.name, estimatedSeconds])).toEqual([
      ['a/p/1', 100],
      ['b/p/1', 100],
      ['a/p/2', 200],
    ]);
  });

  it('are none for a pool without places', () => {
    expect(estimates({ tickets: tickets('a/p/1'), pools: FULL })).toEqual([undefined]);
  });
});
