import type { Builder } from '../../../crds/builder.ts';
import type { BuilderPool } from '../../../crds/builderpool.ts';
import type { BuilderTicket } from '../../../crds/builderticket.ts';
import { aBuilder } from '../../testing/objects.ts';
import { claimFor } from '../builder.ts';
import type { Assignment, Quota, SchedulerWorld } from '../world.ts';

/**
 * The rules once more, as plainly as they can be put and with no regard to time: what the scheduler does is held against
 * them.
 */
export interface State extends Omit<SchedulerWorld, 'tickets'> {
  tickets: readonly BuilderTicket[];
}

export interface RulePlace {
  pool: string;
  machine: string | undefined;
}

/** Every place that the ticket may have as things stand. */
export function placesFor(state: State, ticket: BuilderTicket, now: number): RulePlace[] {
  if (state.suspended.has(`${ticket.metadata.namespace}/${ticket.spec.project}`)) return [];
  if (limitsExceeded(state, ticket).length > 0) return [];
  return state.pools
    .filter((pool) => offers(pool, ticket))
    .flatMap((pool): RulePlace[] => {
      const { name } = pool.metadata;
      if (pool.spec.pod !== undefined) return hasRoom(state, pool, now) ? [{ pool: name, machine: undefined }] : [];
      const mine = state.builders.filter((builder) => builder.spec.pool === name);
      return mine
        .filter((builder) => mayHave(mine, builder, ticket))
        .map((builder) => ({ pool: name, machine: builder.metadata.name }));
    });
}

export function offers(pool: BuilderPool, { spec }: BuilderTicket): boolean {
  const { architectures, tags = [], onDemandTags = [], suspend, pod, ssh } = pool.spec;
  if (suspend || pool.metadata.deletionTimestamp !== undefined) return false;
  if (pod !== undefined && (spec.environment === 'machine' || spec.chrootBuild === undefined)) return false;
  if (pod === undefined && spec.environment === 'pod') return false;
  if (pod === undefined && spec.chrootBuild !== undefined && ssh === undefined) return false;
  if (spec.architecture !== 'noarch' && !architectures.includes(spec.architecture)) return false;
  const offered = [...tags, ...onDemandTags].map(({ name }) => name);
  return spec.tags.every((tag) => offered.includes(tag));
}

function hasRoom({ builders }: State, { metadata, spec, status }: BuilderPool, now: number): boolean {
  if (status?.pausedUntil !== undefined && Date.parse(status.pausedUntil) > now) return false;
  const mine = builders.filter((builder) => builder.spec.pool === metadata.name && isThere(builder));
  const starting = mine.filter((builder) => builder.status?.phase !== 'Running');
  return mine.length < spec.max && starting.length < spec.maxStarting;
}

function mayHave(ofPool: readonly Builder[], machine: Builder, ticket: BuilderTicket): boolean {
  const { metadata, spec, status } = machine;
  if (status?.phase !== 'Ready' || spec.ticket !== undefined || metadata.deletionTimestamp !== undefined) return false;
  if ((status.failedChecks ?? 0) > 0) return false;
  const { sandbox } = ticket.spec;
  if (spec.sandbox !== undefined && spec.sandbox !== sandbox) return false;
  const host = spec.machine?.host;
  if (host === undefined) return true;
  return ofPool
    .filter((other) => other.spec.machine?.host === host && other.spec.sandbox !== undefined)
    .every((other) => other.spec.sandbox === sandbox);
}

function isThere({ status }: Builder): boolean {
  return status?.phase !== 'Ended' && status?.phase !== 'Lost';
}

interface Stage {
  owner: string;
  sandbox: string;
  namespace: string;
  architecture: string;
  tags: readonly string[];
}

function runningStages({ builders, tickets }: State): Stage[] {
  return builders.filter(runs).map(({ spec }): Stage => {
    const ticket = tickets.find(({ metadata }) => metadata.uid === spec.ticket?.uid);
    if (ticket !== undefined) return stageOf(ticket);
    const { sandbox = '', architecture } = spec;
    const [owner = ''] = sandbox.split('/');
    return { owner, sandbox, namespace: spec.ticket?.namespace ?? '', architecture, tags: [] };
  });
}

function runs(builder: Builder): boolean {
  const { metadata, spec, status } = builder;
  if (spec.machine === undefined) return isThere(builder);
  if (spec.ticket === undefined || metadata.deletionTimestamp !== undefined) return false;
  return status?.phase !== 'Lost' && status?.phase !== 'Deleting' && status?.phase !== 'Releasing';
}

function stageOf({ metadata, spec: { owner, sandbox, architecture, tags } }: BuilderTicket): Stage {
  return { owner, sandbox, namespace: metadata.namespace ?? '', architecture, tags };
}

/** Names of all limits that one more such stage would exceed. */
export function limitsExceeded(state: State, ticket: BuilderTicket): string[] {
  const running = runningStages(state);
  const asked = stageOf(ticket);
  const own = state.quotas.get(asked.owner) ?? state.defaultQuota;
  const ofNamespace = state.namespaceQuotas.get(asked.namespace) ?? state.defaultQuota;
  const isFull = (max: number | undefined, counts: (stage: Stage) => boolean): boolean =>
    max !== undefined && running.filter(counts).length >= max;
  const found: string[] = [];
  const check = (name: string, max: number | undefined, counts: (stage: Stage) => boolean): void => {
    if (isFull(max, counts)) found.push(name);
  };
  const checkAll = (limits: Omit<Quota, 'weight'> | undefined, what: string, counts: (s: Stage) => boolean): void => {
    check(`${what} maxRunning`, limits?.maxRunning, counts);
    for (const { name, max } of limits?.architectures ?? []) {
      if (name !== asked.architecture) continue;
      check(`${what} ${name}`, max, (stage) => counts(stage) && stage.architecture === name);
    }
    for (const { name, max } of limits?.tags ?? []) {
      if (!asked.tags.includes(name)) continue;
      check(`${what} ${name}`, max, (stage) => counts(stage) && stage.tags.includes(name));
    }
  };
  checkAll(own, 'owner', ({ owner }) => owner === asked.owner);
  check('sandbox', own?.maxRunningPerSandbox, ({ sandbox }) => sandbox === asked.sandbox);
  check('namespace', ofNamespace?.maxRunningPerNamespace, ({ namespace }) => namespace === asked.namespace);
  checkAll(state.defaultQuota?.total, 'total', () => true);
  return found;
}

/** The state after an assignment has been carried out. */
export function carriedOut(state: State, { ticket, pool, machine }: Assignment): State {
  const tickets = state.tickets.map((each) =>
    each.metadata.uid === ticket.metadata.uid ? { ...each, status: { phase: 'Assigned' as const } } : each,
  );
  if (hasBuilder(state, ticket)) return { ...state, tickets };
  const builders =
    machine === undefined
      ? [...state.builders, aBuilder(ticket, {}, pool)]
      : state.builders.map((each) =>
          each.metadata.name === machine.metadata.name
            ? { ...each, spec: { ...each.spec, ...claimFor(ticket) } }
            : each,
        );
  return { ...state, tickets, builders };
}

export function hasBuilder({ builders }: State, { metadata }: BuilderTicket): boolean {
  return builders.some(({ spec }) => spec.ticket?.uid === metadata.uid);
}
