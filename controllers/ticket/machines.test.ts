import { describe, expect, it } from 'vitest';
import type { Builder } from '../../crds/builder.ts';
import { aPool, aTicket, NOW } from '../testing/objects.ts';
import { planOf } from './testing/plan.ts';
import type { WorldParts } from './testing/worlds.ts';
import { aLoan, aMachine, aMachinePool, aWorld, tickets } from './testing/worlds.ts';

const TICKET = aTicket('t', { owner: 'a', project: 'p' });

/** What serves the tickets: names of machines, or of pools of pods. */
function chosen(parts: WorldParts): string[] {
  const world = aWorld({ tickets: [TICKET], pools: [aMachinePool('cloud')], ...parts });
  return planOf(world, NOW).assign.map(({ pool, machine }) => machine?.metadata.name ?? pool);
}

describe('a machine', () => {
  it.each<{ title: string; machine: Builder; free: boolean }>([
    { title: 'is ready', machine: aMachine('m'), free: true },
    { title: 'starts', machine: aMachine('m', { status: { phase: 'Starting' } }), free: false },
    { title: 'is cleaned', machine: aMachine('m', { status: { phase: 'Releasing' } }), free: false },
    { title: 'is lost', machine: aMachine('m', { status: { phase: 'Lost' } }), free: false },
    { title: 'is new', machine: aMachine('m', { status: {} }), free: false },
    { title: 'has a ticket', machine: aMachine('m', { ticket: aTicket('other') }), free: false },
    { title: 'is being deleted', machine: aMachine('m', { deleted: true }), free: false },
    {
      title: 'has failed a probe',
      machine: aMachine('m', { status: { phase: 'Ready', failedChecks: 1 } }),
      free: false,
    },
    { title: 'has the sandbox of the ticket', machine: aMachine('m', { sandbox: 'a/p' }), free: true },
    { title: 'has another sandbox', machine: aMachine('m', { sandbox: 'a/q' }), free: false },
  ])('that $title can be claimed: $free', ({ machine, free }) => {
    expect(chosen({ builders: [machine] })).toEqual(free ? ['m'] : []);
  });

  it.each([
    { title: 'is suspended', pool: aMachinePool('cloud', { suspend: true }), free: false },
    { title: 'has another architecture', pool: aMachinePool('cloud', { architectures: ['s390x'] }), free: false },
    {
      title: 'starts nothing for now',
      pool: aMachinePool('cloud', {}, { pausedUntil: '2099-01-01T00:00:00Z' }),
      free: true,
    },
    { title: 'is full', pool: aMachinePool('cloud', { max: 1, maxStarting: 1 }), free: true },
  ])('of a pool that $title can be claimed: $free', ({ pool, free }) => {
    expect(chosen({ builders: [aMachine('m')], pools: [pool] })).toEqual(free ? ['m'] : []);
  });

  it.each([
    { wants: 'anything', ticket: TICKET, ssh: true, served: 'm' },
    { wants: 'a pod', ticket: aTicket('t', { environment: 'pod' }), ssh: true, served: 'default' },
    { wants: 'a machine', ticket: aTicket('t', { environment: 'machine' }), ssh: true, served: 'm' },
    { wants: 'a machine', ticket: aTicket('t', { environment: 'machine' }), ssh: false, served: undefined },
    { wants: 'anything', ticket: TICKET, ssh: false, served: 'default' },
    { wants: 'a machine to drive itself', ticket: aLoan('t'), ssh: false, served: 'm' },
    { wants: 'a machine to drive itself', ticket: aLoan('t'), ssh: true, served: 'm' },
  ])('$wants, with SSH $ssh: $served', ({ ticket, ssh, served }) => {
    const pool = aMachinePool('cloud');
    const { ssh: _ssh, ...unreachable } = pool.spec;
    const pools = [ssh ? pool : { ...pool, spec: unreachable }, aPool('default', { max: 1 })];
    // More machines are free than pods, so that a machine is preferred wherever it may be.
    const builders = [aMachine('m'), aMachine('n')];
    expect(chosen({ tickets: [ticket], pools, builders })).toEqual(served === undefined ? [] : [served]);
  });
});

describe('the choice between machines', () => {
  const fast = { name: 'fast', priority: 100 };
  const fastTicket = aTicket('t', { owner: 'a', project: 'p', tags: ['fast'] });
  const two = (a: number, b: number) => [
    aMachinePool('a', { tags: [{ ...fast, priority: a }] }),
    aMachinePool('b', { tags: [{ ...fast, priority: b }] }),
  ];

  it.each([
    {
      title: 'one of the sandbox before a fresh one',
      builders: [aMachine('m1'), aMachine('m2', { sandbox: 'a/p' })],
      pools: [aMachinePool('cloud')],
      machine: 'm2',
    },
    {
      title: 'the lesser name between equals',
      builders: [aMachine('m2'), aMachine('m1')],
      pools: [aMachinePool('cloud')],
      machine: 'm1',
    },
    {
      title: 'the pool with the higher priority for the tag',
      builders: [aMachine('m1', { pool: 'a' }), aMachine('m2', { pool: 'b' })],
      pools: two(1, 2),
      machine: 'm2',
    },
    {
      title: 'the sandbox before four hundred points of tags',
      builders: [aMachine('m1', { pool: 'a', sandbox: 'a/p' }), aMachine('m2', { pool: 'b' })],
      pools: two(100, 500),
      machine: 'm1',
    },
    {
      title: 'six hundred points of tags before the sandbox',
      builders: [aMachine('m1', { pool: 'a', sandbox: 'a/p' }), aMachine('m2', { pool: 'b' })],
      pools: two(100, 700),
      machine: 'm2',
    },
    {
      title: 'the pool with more free machines',
      builders: [aMachine('m1', { pool: 'a' }), aMachine('m2', { pool: 'b' }), aMachine('m3', { pool: 'b' })],
      pools: two(1, 1),
      machine: 'm2',
    },
    {
      title: 'on-demand tags like any others',
      builders: [aMachine('m1', { pool: 'a' }), aMachine('m2', { pool: 'b' })],
      pools: [aMachinePool('a', { tags: [fast] }), aMachinePool('b', { onDemandTags: [{ ...fast, priority: 200 }] })],
      machine: 'm2',
    },
  ])('takes $title', ({ builders, pools, machine }) => {
    expect(chosen({ tickets: [fastOrNot(pools[0]?.spec.tags, fastTicket)], builders, pools })).toEqual([machine]);
  });

  /** The tag is asked for only when there are pools that have it. */
  function fastOrNot(tags: unknown, ticket: typeof TICKET): typeof TICKET {
    return tags === undefined ? TICKET : ticket;
  }

  it('prefers pods of a pool with a higher priority', () => {
    const pools = [aMachinePool('cloud', { tags: [fast] }), aPool('pods', { tags: [{ ...fast, priority: 101 }] })];
    expect(chosen({ tickets: [fastTicket], builders: [aMachine('m')], pools })).toEqual(['pods']);
  });

  it('leaves machines on demand to those who ask for them', () => {
    const onDemandTags = [{ name: 'power', priority: 0 }];
    const pools = [aMachinePool('a', { onDemandTags }), aMachinePool('b')];
    const builders = [aMachine('m1', { pool: 'a' }), aMachine('m2', { pool: 'a' }), aMachine('m3', { pool: 'b' })];
    expect(chosen({ builders, pools })).toEqual(['m3']);
    expect(chosen({ builders: builders.slice(0, 2), pools })).toEqual(['m1']);
  });

  it('gives each machine away once, in the order of names', () => {
    const builders = ['m3', 'm1', 'm2'].map((name) => aMachine(name));
    expect(chosen({ tickets: tickets('a/p/1', 'b/p/1', 'c/p/1', 'd/p/1'), builders })).toEqual(['m1', 'm2', 'm3']);
  });
});

describe('a host with several slots', () => {
  const slot = (name: string, host: string, sandbox?: string) =>
    aMachine(name, { pool: 'farm', host, ...(sandbox === undefined ? {} : { sandbox }) });
  const pools = [aMachinePool('farm')];

  it('never runs two sandboxes at once', () => {
    const builders = [slot('h1-1', 'h1'), slot('h1-2', 'h1')];
    expect(chosen({ tickets: tickets('a/p/1', 'b/p/1'), builders, pools })).toEqual(['h1-1']);
  });

  it('runs several builds of one sandbox at once, before another host is begun with', () => {
    const builders = [slot('h1-1', 'h1'), slot('h2-1', 'h2'), slot('h2-2', 'h2'), slot('h3-1', 'h3')];
    expect(chosen({ tickets: tickets('a/p/1', 'a/p/2', 'a/p/3'), builders, pools })).toEqual(['h1-1', 'h2-1', 'h2-2']);
  });

  it.each([
    {
      title: 'a slot in use',
      other: aMachine('x', { pool: 'farm', host: 'h1', ticket: aTicket('o', { owner: 'z' }) }),
    },
    { title: 'a slot that was used', other: slot('x', 'h1', 'z/hello') },
    {
      title: 'a slot on its way out',
      other: aMachine('x', {
        pool: 'farm',
        host: 'h1',
        sandbox: 'z/hello',
        deleted: true,
        status: { phase: 'Deleting' },
      }),
    },
  ])('is out of reach for others with $title', ({ other }) => {
    expect(chosen({ tickets: tickets('a/p/1'), builders: [slot('h1-1', 'h1'), other], pools })).toEqual([]);
  });

  it('of two sandboxes, which should not be, gets nothing', () => {
    const builders = [slot('h1-1', 'h1', 'a/p'), slot('h1-2', 'h1', 'b/p'), slot('h1-3', 'h1')];
    expect(chosen({ tickets: tickets('a/p/1', 'b/p/1'), builders, pools })).toEqual([]);
  });

  it('is another one in another pool', () => {
    const builders = [slot('h1-1', 'h1'), aMachine('o', { pool: 'other', host: 'h1', sandbox: 'z/z' })];
    expect(chosen({ tickets: tickets('a/p/1'), builders, pools })).toEqual(['h1-1']);
  });
});
