import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SimulatedCluster } from './testing/cluster.ts';
import { machineDay, passQuietTime, passTime } from './testing/machineDay.ts';
import type { Plan } from './testing/plan.ts';
import { createRandom } from './testing/random.ts';
import type { State } from './testing/rules.ts';
import { carriedOut, limitsExceeded, placesFor } from './testing/rules.ts';

const TICKS = 60;
/** Within so many ticks without news everything that waits is served: there are fewer tickets than that. */
const LONGEST = 400;

function stateOf(cluster: SimulatedCluster): State {
  return { ...cluster.world(), tickets: [...cluster.tickets.values()] };
}

/** One cycle of which every step is held against the rules. */
function checkedCycle(cluster: SimulatedCluster, given: Map<string, string>): Plan {
  let state = stateOf(cluster);
  const plan = cluster.cycle();
  for (const assignment of plan.assign) {
    const { ticket, pool, machine } = assignment;
    const { name } = ticket.metadata;
    expect(given.get(name)).toBeUndefined();
    given.set(name, machine?.metadata.name ?? pool);
    expect(limitsExceeded(state, ticket)).toEqual([]);
    expect(placesFor(state, ticket, cluster.now)).toContainEqual({ pool, machine: machine?.metadata.name });
    state = carriedOut(state, assignment);
  }
  for (const { ticket } of plan.waiting) expect(placesFor(state, ticket, cluster.now)).toEqual([]);
  const positions = plan.waiting.map(({ position }) => position);
  expect(new Set(positions).size).toBe(positions.length);
  return plan;
}

/** Sandboxes of each machine in its life, and that a host has one at a time. */
function checkSandboxes(cluster: SimulatedCluster, lives: Map<string, string>): void {
  const hosts = new Map<string, string>();
  for (const [name, { spec }] of cluster.builders) {
    if (spec.machine === undefined || spec.sandbox === undefined) continue;
    expect(lives.get(name) ?? spec.sandbox).toBe(spec.sandbox);
    lives.set(name, spec.sandbox);
    const { host } = spec.machine;
    if (host === undefined) continue;
    expect(hosts.get(host) ?? spec.sandbox).toBe(spec.sandbox);
    hosts.set(host, spec.sandbox);
  }
}

describe('on any day with machines', () => {
  it('nothing is given twice, no sandboxes meet, no limit is exceeded, no place is left, and nobody waits for ever', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = createRandom(seed);
        const cluster = machineDay();
        const given = new Map<string, string>();
        const lives = new Map<string, string>();
        for (let tick = 0; tick < TICKS; tick++) {
          passTime(cluster, random);
          checkedCycle(cluster, given);
          checkSandboxes(cluster, lives);
        }
        let waiting = cluster.tickets.size;
        for (let tick = 0; waiting > 0 && tick < LONGEST; tick++) {
          passQuietTime(cluster);
          waiting = checkedCycle(cluster, given).waiting.length;
          checkSandboxes(cluster, lives);
        }
        expect(waiting).toBe(0);
      }),
      { numRuns: 25 },
    );
  });
});
