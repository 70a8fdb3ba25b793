import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aBuilder, NOW } from '../testing/objects.ts';
import { schedule } from './schedule.ts';
import { anyWorld } from './testing/anyWorld.ts';
import { waitingOf } from './testing/cluster.ts';
import { RunningUsage } from './usage.ts';
import type { Schedule, SchedulerWorld } from './world.ts';
import { isActive } from './world.ts';

/** The world after the plan has been carried out. */
function carriedOut(before: SchedulerWorld, plan: Schedule): SchedulerWorld {
  const known = new Set(before.builders.map((builder) => builder.spec.ticket?.uid));
  const made = plan.assign.filter(({ ticket }) => !known.has(ticket.metadata.uid ?? ''));
  return { ...before, builders: [...before.builders, ...made.map(({ ticket, pool }) => aBuilder(ticket, {}, pool))] };
}

/** How much of the pool is taken. */
function load(state: SchedulerWorld, name: string): { active: number; starting: number } {
  const mine = state.builders.filter((builder) => builder.spec.pool === name && isActive(builder));
  return { active: mine.length, starting: mine.filter(({ status }) => status?.phase !== 'Running').length };
}

function fresh(before: SchedulerWorld, plan: Schedule): Schedule['assign'] {
  const known = new Set(before.builders.map((builder) => builder.spec.ticket?.uid));
  return plan.assign.filter(({ ticket }) => !known.has(ticket.metadata.uid ?? ''));
}

describe('schedule, whatever the world is like,', () => {
  it('decides on every ticket without a builder exactly once', () => {
    fc.assert(
      fc.property(anyWorld, (state) => {
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
      fc.property(anyWorld, (state) => {
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
      fc.property(anyWorld, (state) => {
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
      fc.property(anyWorld, (state) => {
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
      fc.property(anyWorld, (state) => {
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
    const shuffled = anyWorld.chain((state) =>
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
      fc.property(anyWorld, (state) => {
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
