import fc from 'fast-check';
import type { Builder } from '../../../crds/builder.ts';
import type { BuilderTicket } from '../../../crds/builderticket.ts';
import { aBuilder, ago, aPool, aTicket } from '../../testing/objects.ts';
import { bookOf } from '../book.ts';
import type { Quota, SchedulerWorld } from '../world.ts';
import type { State } from './rules.ts';
import { aLoan, aMachine, aMachinePool } from './worlds.ts';

const TAGS = ['big', 'ssd'];
const owner = fc.constantFrom('a', 'b', 'c');
const limit = fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined });
const SANDBOXES = ['a/p', 'a/q', 'b/p', 'c/q'];

const ticket = fc.record({
  owner,
  project: fc.constantFrom('p', 'q'),
  architecture: fc.constantFrom('x86_64', 'i386', 'noarch', 's390x'),
  tags: fc.subarray(TAGS),
  priority: fc.constantFrom(-100_000, 0, 1000),
  age: fc.integer({ min: 0, max: 5 }),
  environment: fc.constantFrom(undefined, undefined, 'pod', 'machine', 'lent'),
  /** What it has: nothing, a Builder that it was not told of, or a Builder in a phase. */
  state: fc.constantFrom('waiting', 'waiting', 'waiting', 'untold', 'Starting', 'Running', 'Ended', 'Lost'),
});

const pool = fc.record({
  max: fc.integer({ min: 0, max: 6 }),
  maxStarting: fc.integer({ min: 1, max: 4 }),
  suspend: fc.constantFrom(false, false, true),
  architectures: fc.subarray(['x86_64', 'i386'], { minLength: 1 }),
  tags: fc.subarray(TAGS).map((names) => names.map((name, priority) => ({ name, priority }))),
  onDemandTags: fc.subarray(TAGS).map((names) => names.map((name) => ({ name, priority: 600 }))),
  paused: fc.boolean(),
  kind: fc.constantFrom('pod', 'machines', 'unreachable'),
});

const machine = fc.record({
  pool: fc.integer({ min: 0, max: 2 }),
  host: fc.constantFrom(undefined, 'h1', 'h2'),
  sandbox: fc.constantFrom(undefined, undefined, ...SANDBOXES),
  phase: fc.constantFrom('Ready', 'Ready', 'Ready', 'Ready', 'Starting', 'Releasing', 'Lost', 'Deleting'),
  failedChecks: fc.constantFrom(0, 0, 0, 1),
  deleted: fc.constantFrom(false, false, false, true),
  /** Its claim: none, or for a ticket that nobody knows any more. */
  busy: fc.constantFrom(false, false, true),
});

const limits = {
  maxRunning: limit,
  i386: limit,
  big: limit,
};
const quota = fc.record({
  weight: fc.constantFrom(50, 100, 300),
  ...limits,
  maxRunningPerSandbox: limit,
  maxRunningPerNamespace: limit,
  total: fc.option(fc.record(limits), { nil: undefined }),
});
type RawLimits = { maxRunning: number | undefined; i386: number | undefined; big: number | undefined };
type RawQuota = Parameters<Parameters<(typeof quota)['map']>[0]>[0];

/** Any state a scheduler may find itself in. */
export const anyState = fc
  .record({
    tickets: fc.array(ticket, { maxLength: 30 }),
    pools: fc.array(pool, { minLength: 1, maxLength: 3 }),
    machines: fc.array(machine, { maxLength: 12 }),
    quotas: fc.dictionary(owner, quota),
    namespaceQuotas: fc.dictionary(owner, quota),
    defaultQuota: fc.option(quota, { nil: undefined }),
    suspended: fc.subarray(['a/p', 'b/q']),
  })
  .map((raw): State => {
    const pools = raw.pools.map(({ paused, kind, onDemandTags, ...spec }, index) => {
      const status = paused ? { pausedUntil: ago(-5) } : undefined;
      if (kind === 'pod') return aPool(`pool${index}`, spec, status);
      const made = aMachinePool(`pool${index}`, { ...spec, onDemandTags }, status);
      const { ssh: _ssh, ...unreachable } = made.spec;
      return kind === 'unreachable' ? { ...made, spec: unreachable } : made;
    });
    const builders: Builder[] = [];
    const tickets: BuilderTicket[] = [];
    for (const [index, { state, age, environment, ...rest }] of raw.tickets.entries()) {
      const assigned = state !== 'waiting' && state !== 'untold';
      const status = assigned ? ({ phase: 'Assigned' } as const) : undefined;
      const spec = { ...rest, sandbox: `${rest.owner}/${rest.project}` };
      const isLent = environment === 'lent';
      const plain = isLent
        ? aLoan(`t${index}`, spec, status)
        : aTicket(`t${index}`, environment === undefined ? spec : { ...spec, environment }, status);
      const made = { ...plain, metadata: { ...plain.metadata, creationTimestamp: ago(age) } };
      tickets.push(made);
      if (state === 'waiting') continue;
      const phase = state === 'untold' ? {} : { phase: state as 'Starting' };
      const of = `pool${index % pools.length}`;
      const isPod = pools[index % pools.length]?.spec.pod !== undefined && !isLent;
      builders.push(
        isPod ? aBuilder(made, phase, of) : aMachine(`own${index}`, { pool: of, ticket: made, status: phase }),
      );
    }
    for (const [index, { pool: at, host, sandbox, busy, phase, failedChecks, deleted }] of raw.machines.entries()) {
      const of = pools[at % pools.length];
      if (of === undefined || of.spec.pod !== undefined) continue;
      const claim = busy && sandbox !== undefined ? { ticket: aTicket(`gone${index}`, { sandbox }) } : {};
      const optional = { ...(host === undefined ? {} : { host }), ...(sandbox === undefined ? {} : { sandbox }) };
      const status = { phase: phase as 'Ready', failedChecks };
      builders.push(aMachine(`m${index}`, { pool: of.metadata.name, status, deleted, ...optional, ...claim }));
    }
    return {
      tickets,
      builders,
      pools,
      quotas: new Map(Object.entries(raw.quotas).map(([name, value]) => [name, quotaOf(value)])),
      namespaceQuotas: new Map(Object.entries(raw.namespaceQuotas).map(([name, value]) => [name, quotaOf(value)])),
      defaultQuota: raw.defaultQuota && quotaOf(raw.defaultQuota),
      suspended: new Set(raw.suspended),
    };
  });

export function worldOf(state: State): SchedulerWorld {
  return { ...state, tickets: bookOf(state.tickets) };
}

function quotaOf({ weight, maxRunningPerSandbox, maxRunningPerNamespace, total, ...own }: RawQuota): Quota {
  return {
    weight,
    ...limitsOf(own),
    ...(maxRunningPerSandbox === undefined ? {} : { maxRunningPerSandbox }),
    ...(maxRunningPerNamespace === undefined ? {} : { maxRunningPerNamespace }),
    ...(total === undefined ? {} : { total: limitsOf(total) }),
  };
}

function limitsOf({ maxRunning, i386, big }: RawLimits): Omit<Quota, 'weight'> {
  return {
    ...(maxRunning === undefined ? {} : { maxRunning }),
    ...(i386 === undefined ? {} : { architectures: [{ name: 'i386', max: i386 }] }),
    ...(big === undefined ? {} : { tags: [{ name: 'big', max: big }] }),
  };
}
