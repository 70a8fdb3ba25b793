import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { NOW } from '../testing/objects.ts';
import { byAge } from './age.ts';
import { anyState, worldOf } from './testing/anyWorld.ts';
import type { Plan } from './testing/plan.ts';
import { planOf } from './testing/plan.ts';
import type { State } from './testing/rules.ts';
import { carriedOut, hasBuilder, limitsExceeded, placesFor } from './testing/rules.ts';

function plan(state: State): Plan {
  return planOf(worldOf(state), NOW);
}

function isOpen({ spec, status }: BuilderTicket): boolean {
  return !spec.closed && status?.phase !== 'Assigned';
}

function byName(tickets: readonly BuilderTicket[]): string[] {
  return tickets.map(({ metadata }) => metadata.name).sort();
}

describe('the scheduler, whatever the world is like,', () => {
  it('decides on every ticket without a builder exactly once', () => {
    fc.assert(
      fc.property(anyState, (state) => {
        const { assign, waiting } = plan(state);
        const decided = [...assign, ...waiting].map(({ ticket }) => ticket);
        expect(byName(decided)).toEqual(byName(state.tickets.filter(isOpen)));
        const machines = assign.flatMap(({ machine }) => (machine === undefined ? [] : [machine.metadata.name]));
        expect(new Set(machines).size).toBe(machines.length);
      }),
    );
  });

  it('gives a ticket only what the rules allow, and leaves none waiting that they would serve', () => {
    fc.assert(
      fc.property(anyState, (before) => {
        const { assign, waiting } = plan(before);
        let state = before;
        for (const assignment of assign) {
          const { ticket, pool, machine } = assignment;
          if (!hasBuilder(state, ticket)) {
            expect(placesFor(state, ticket, NOW)).toContainEqual({ pool, machine: machine?.metadata.name });
          }
          state = carriedOut(state, assignment);
        }
        for (const { ticket } of waiting) expect(placesFor(state, ticket, NOW)).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  it('changes its mind about nobody when nothing has changed', () => {
    fc.assert(
      fc.property(anyState, (before) => {
        const first = plan(before);
        const second = plan(first.assign.reduce(carriedOut, before));
        expect(second.assign).toEqual([]);
        const told = ({ waiting }: Plan) => waiting.toSorted((a, b) => byAge(a.ticket, b.ticket));
        expect(told(second)).toEqual(told(first));
      }),
    );
  });

  it('decides the same however the snapshot is ordered', () => {
    const shuffled = anyState.chain((state) =>
      fc.record({
        state: fc.constant(state),
        tickets: fc.shuffledSubarray([...state.tickets], { minLength: state.tickets.length }),
        builders: fc.shuffledSubarray([...state.builders], { minLength: state.builders.length }),
        pools: fc.shuffledSubarray([...state.pools], { minLength: state.pools.length }),
      }),
    );
    const summary = ({ assign, waiting }: Plan): string[] => [
      ...assign.map(({ ticket, pool, machine }) => `${ticket.metadata.name} ${pool} ${machine?.metadata.name}`).sort(),
      ...waiting.map(({ ticket, reason, position }) => `${ticket.metadata.name} ${reason} ${position}`).sort(),
    ];
    fc.assert(
      fc.property(shuffled, ({ state, ...order }) => {
        expect(summary(plan({ ...state, ...order }))).toEqual(summary(plan(state)));
      }),
    );
  });

  it('numbers positions from 0 without a gap, and gives one to everybody whom time alone will serve', () => {
    fc.assert(
      fc.property(anyState, (state) => {
        const { waiting } = plan(state);
        const shown = waiting.flatMap(({ position }) => (position === undefined ? [] : [position]));
        expect(shown).toEqual(shown.map((_, index) => index));
        const stuck = new Set(['NoPool', 'PoolSuspended', 'ProjectSuspended']);
        for (const { reason, position } of waiting) expect(position === undefined).toBe(stuck.has(reason));
      }),
    );
  });

  it('says that a quota holds a ticket back when it does', () => {
    fc.assert(
      fc.property(anyState, (before) => {
        const { assign, waiting } = plan(before);
        const state = assign.reduce(carriedOut, before);
        for (const { ticket, reason, position } of waiting) {
          if (position === undefined || limitsExceeded(state, ticket).length === 0) continue;
          expect(reason).toBe('QuotaExceeded');
        }
      }),
    );
  });
});
