import fc from 'fast-check';
import type { BuilderTicket } from '../../../crds/builderticket.ts';
import { aBuilder, ago, aPool, aTicket } from '../../testing/objects.ts';
import type { SchedulerWorld } from '../world.ts';

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

/** Any world a scheduler may find itself in. */
export const anyWorld = fc
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
