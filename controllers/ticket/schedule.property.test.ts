import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { aBuilder, ago, aPool, aTicket, NOW } from '../testing/objects.ts';
import { schedule } from './schedule.ts';
import { SimulatedCluster, waitingOf } from './testing/cluster.ts';
import { RunningUsage } from './usage.ts';
import type { Schedule, SchedulerWorld } from './world.ts';
import { isActive } from './world.ts';

const TAGS = ['big', 'ssd'];
const owner = fc.constantFrom('a', 'b', 'c');
const limit = fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined });

const ticket = fc.record({
  owner,
  project: fc.constantFrom('p', 'q'),
  architecture: fc.constantFrom('x86_64', 'i386', 'noarch', 's390x'),
  tags: fc.subarray(TAGS),
  priority: fc.constantFrom(-100_000, 0, 1000),
  age: fc.integer({ min: 0, max: 5 }),
  /** What it has: nothing, a Builder that it was not told of, or a Builder in a phase. */
  state: fc.constantFrom('waiting', 'waiting', 'waiting', 'untold', 'Starting', 'Running', 'Ended', 'Lost'),
});

const pool = fc.record({
  max: fc.integer({ min: 0, max: 6 }),
  maxStarting: fc.integer({ min: 1, max: 4 }),
  suspend: fc.boolean(),
  architectures: fc.subarray(['x86_64', 'i386'], { minLength: 1 }),
  tags: fc.subarray(TAGS).map((names) => names.map((name, priority) => ({ name, priority }))),
  paused: fc.boolean(),
});

const quota = fc.record({
  weight: fc.constantFrom(50, 100, 300),
  maxRunning: limit,
  maxRunningPerSandbox: limit,
  i386: limit,
  big: limit,
});

const world = fc
  .record({
    tickets: fc.array(ticket, { maxLength: 30 }),
    pools: fc.array(pool, { minLength: 1, maxLength: 3 }),
    quotas: fc.dictionary(owner, quota),
    defaultQuota: fc.option(quota, { nil: undefined }),
    suspended: fc.subarray(['a/p', 'b/q']),
  })
  .map((raw): SchedulerWorld => {
    const pools = raw.pools.map(({ paused, ...spec }, index) =>
      aPool(`pool${index}`, spec, paused ? { pausedUntil: ago(-5) } : undefined),
    );
    const builders = [];
    const tickets: BuilderTicket[] = [];
    for (const [index, { state, age, ...spec }] of raw.tickets.entries()) {
      const sandbox = `${spec.owner}/${spec.project}`;
      const assigned = state !== 'waiting' && state !== 'untold';
      const made = aTicket(`t${index}`, { ...spec, sandbox }, assigned ? { phase: 'Assigned' } : undefined, {
        creationTimestamp: ago(age),
      });
      tickets.push(made);
      if (state === 'waiting') continue;
      const phase = state === 'untold' ? {} : { phase: state as 'Starting' };
      builders.push(aBuilder(made, phase, `pool${index % pools.length}`));
    }
    return {
      tickets,
      builders,
      pools,
      quotas: new Map(Object.entries(raw.quotas).map(([name, value]) => [name, quotaOf(value)])),
      defaultQuota: raw.defaultQuota && quotaOf(raw.defaultQuota),
      suspended: new Set(raw.suspended),
    };
  });

function quotaOf(raw: {
  weight: number;
  maxRunning: number | undefined;
  maxRunningPerSandbox: number | undefined;
  i386: number | undefined;
  big: number | undefined;
}) {
  return {
    weight: raw.weight,
    ...(raw.maxRunning === undefined ? {} : { maxRunning: raw.maxRunning }),
    ...(raw.maxRunningPerSandbox === undefined ? {} : { maxRunningPerSandbox: raw.maxRunningPerSandbox }),
    ...(raw.i386 === undefined ? {} : { architectures: [{ name: 'i386', max: raw.i386 }] }),
    ...(raw.big === undefined ? {} : { tags: [{ name: 'big', max: raw.big }] }),
  };
}

/** The world after the plan has been carried out. */
function carriedOut(before: SchedulerWorld, plan: Schedule): SchedulerWorld {
  const known = new Set(before.builders.map((builder) => builder.spec.ticket.uid));
  const made = plan.assign.filter(({ ticket }) => !known.has(ticket.metadata.uid ?? ''));
  return { ...before, builders: [...before.builders, ...made.map(({ ticket, pool }) => aBuilder(ticket, {}, pool))] };
}

/** How much of the pool is taken. */
function load(state: SchedulerWorld, name: string): { active: number; starting: number } {
  const mine = state.builders.filter((builder) => builder.spec.pool === name && isActive(builder));
  return { active: mine.length, starting: mine.filter(({ status }) => status?.phase !== 'Running').length };
}

function fresh(before: SchedulerWorld, plan: Schedule): Schedule['assign'] {
  const known = new Set(before.builders.map((builder) => builder.spec.ticket.uid));
  return plan.assign.filter(({ ticket }) => !known.has(ticket.metadata.uid ?? ''));
}

describe('schedule, whatever the world is like,', () => {
  it('decides on every ticket without a builder exactly once', () => {
    fc.assert(
      fc.property(world, (state) => {
        const plan = schedule(state, NOW);
        const decided = [...plan.assign, ...waitingOf(plan)].map((entry) => entry.ticket.metadata.name).sort();
        const open = state.tickets.filter(({ status }) => status?.phase !== 'Assigned');
        expect(decided).toEqual(open.map(({ metadata }) => metadata.name).sort());
        expect(plan.pending.reduce((sum, { count }) => sum + count, 0)).toBe(waitingOf(plan).length);
      }),
    );
  });

  it('never fills a pool beyond max or maxStarting, and uses none that is suspended or paused', () => {
    fc.assert(
      fc.property(world, (state) => {
        const plan = schedule(state, NOW);
        const later = carriedOut(state, plan);
        for (const { metadata, spec, status } of state.pools) {
          const given = fresh(state, plan).filter(({ pool }) => pool === metadata.name).length;
          if (given === 0) continue;
          expect(spec.suspend || status?.pausedUntil !== undefined).toBe(false);
          const { active, starting } = load(later, metadata.name);
          expect(active).toBeLessThanOrEqual(spec.max);
          expect(starting).toBeLessThanOrEqual(spec.maxStarting);
        }
      }),
    );
  });

  it('gives a ticket only a pool with its architecture and all its tags', () => {
    fc.assert(
      fc.property(world, (state) => {
        for (const {
          ticket: { spec },
          pool: name,
        } of fresh(state, schedule(state, NOW))) {
          const chosen = state.pools.find(({ metadata }) => metadata.name === name);
          if (spec.architecture !== 'noarch') expect(chosen?.spec.architectures).toContain(spec.architecture);
          const offered = chosen?.spec.tags?.map((offer) => offer.name) ?? [];
          expect(spec.tags.filter((wanted) => !offered.includes(wanted))).toEqual([]);
        }
      }),
    );
  });

  it('never exceeds a quota and never serves a suspended project', () => {
    fc.assert(
      fc.property(world, (state) => {
        const plan = schedule(state, NOW);
        const usage = new RunningUsage(state, state.tickets);
        for (const { ticket } of fresh(state, plan)) {
          expect(usage.exceeded(ticket)).toBeUndefined();
          expect(state.suspended.has(`${ticket.metadata.namespace}/${ticket.spec.project}`)).toBe(false);
          usage.add(ticket);
        }
      }),
    );
  });

  it('leaves no ticket waiting that could be served', () => {
    fc.assert(
      fc.property(world, (state) => {
        const plan = schedule(state, NOW);
        const told = new Set(plan.assign.map(({ ticket }) => ticket.metadata.name));
        const later = carriedOut(state, plan);
        const tickets = later.tickets.map((each) =>
          told.has(each.metadata.name) ? { ...each, status: { phase: 'Assigned' as const } } : each,
        );
        const second = schedule({ ...later, tickets }, NOW);
        expect(second.assign).toEqual([]);
        // Nothing has changed, so there is nothing new to tell either.
        expect(explained(second)).toEqual(explained(plan));
      }),
    );
  });

  it('decides the same however the snapshot is ordered', () => {
    const shuffled = world.chain((state) =>
      fc.record({
        state: fc.constant(state),
        tickets: fc.shuffledSubarray([...state.tickets], { minLength: state.tickets.length }),
        pools: fc.shuffledSubarray([...state.pools], { minLength: state.pools.length }),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ state, tickets, pools }) => {
        const [one, two] = [schedule(state, NOW), schedule({ ...state, tickets, pools }, NOW)];
        const assigned = ({ assign }: Schedule) =>
          assign.map(({ ticket, pool }) => `${ticket.metadata.name} ${pool}`).sort();
        expect(assigned(two)).toEqual(assigned(one));
        expect(explained(two).map(([name, , position]) => [name, position])).toEqual(
          explained(one).map(([name, , position]) => [name, position]),
        );
      }),
    );
  });

  it('numbers positions from 0 without a gap', () => {
    fc.assert(
      fc.property(world, (state) => {
        const shown = waitingOf(schedule(state, NOW)).flatMap(({ position }) =>
          position === undefined ? [] : [position],
        );
        expect(shown).toEqual(shown.map((_, index) => index));
      }),
    );
  });
});

function explained(plan: Schedule): [string, string, number | undefined][] {
  return waitingOf(plan)
    .map(({ ticket, reason, position }): [string, string, number | undefined] => [
      ticket.metadata.name,
      reason,
      position,
    ])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

describe('a queue that never empties', () => {
  /** Serves `rounds` stages one after the other; every owner has as many tickets as it likes. Owners as served. */
  function serve(weights: Record<string, number>, backlog: Record<string, number>, rounds: number): string[] {
    const cluster = new SimulatedCluster([aPool('default', { max: 3, maxStarting: 3 })]);
    for (const [name, weight] of Object.entries(weights)) cluster.quotas.set(name, { weight });
    for (const [name, count] of Object.entries(backlog)) {
      for (let i = 0; i < count; i++) cluster.arrive(name, 'p');
    }
    const order: string[] = [];
    while (order.length < rounds) {
      cluster.now += 1000;
      for (const { ticket: served } of cluster.cycle().assign) {
        order.push(served.spec.owner);
        cluster.arrive(served.spec.owner, 'p');
      }
      const [oldest] = cluster.in('Starting');
      if (oldest !== undefined) cluster.complete(oldest);
    }
    return order;
  }

  it('starves nobody among equals: served counts stay within the number of places', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 3 }), (many, few) => {
        const order = serve({}, { a: many, b: few, c: few }, 90);
        const counts = ['a', 'b', 'c'].map((name) => order.filter((each) => each === name).length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(3);
      }),
      { numRuns: 20 },
    );
  });

  it('serves owners in proportion to their weights', () => {
    const order = serve({ a: 200, b: 100 }, { a: 5, b: 5 }, 90);
    const share = order.filter((each) => each === 'a').length / order.length;
    expect(share).toBeGreaterThan(0.6);
    expect(share).toBeLessThan(0.73);
  });
});
