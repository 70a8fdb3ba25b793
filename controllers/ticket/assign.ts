import type { Builder } from '../../crds/builder.ts';
import { Builders } from '../../crds/builder.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { toTimestamp } from '../../lib/clock.ts';
import { lentOutput } from '../../lib/resalloc/lent-output.ts';
import { isInvalid } from '../../operator/client.ts';
import type { ReconcileContext } from '../../operator/controller.ts';
import type { Manager } from '../../operator/manager.ts';
import { keyOf } from '../../operator/resource.ts';
import { createOnce } from '../shared/create.ts';
import { isGoneOrOther } from '../shared/patch.ts';
import { builderFor, claimFor } from './builder.ts';
import { isLost } from './machines.ts';
import type { SchedulerMetrics } from './metrics.ts';
import { tell } from './tell.ts';
import type { Assignment, Failure } from './world.ts';

/** `taken`: the machine is not as it was seen; the next cycle decides anew. `refused`: nor will it be done next time. */
export type Outcome = 'done' | 'taken' | 'refused';

export interface Assigner {
  assign(assignment: Assignment, ctx: ReconcileContext): Promise<Outcome>;
  /** False when it is not true: the cache is behind. */
  fail(failure: Failure): Promise<boolean>;
}

/** Tickets of which this process remembers what it gave them. Whatever the cache does not show by then, it never will. */
const REMEMBERED = 10_000;

/** Carries out what was decided: first the Builder has it, then the ticket is told. Both may be done again. */
export function createAssigner(
  manager: Manager,
  { buildsNamespace, metrics }: { buildsNamespace: string; metrics: SchedulerMetrics },
): Assigner {
  const { client } = manager;
  /** Names of Builders by the uid of the ticket: a cache that lags must not make a ticket have a second one. */
  const given = new Map<string, string>();

  function remember(ticket: BuilderTicket, builder: Builder): void {
    const [oldest] = given.size < REMEMBERED ? [] : given.keys();
    if (oldest !== undefined) given.delete(oldest);
    given.set(ticket.metadata.uid ?? '', builder.metadata.name);
  }

  /** The Builder that was given to the ticket before, if it still is. */
  async function givenTo(ticket: BuilderTicket): Promise<Builder | undefined> {
    const name = given.get(ticket.metadata.uid ?? '');
    const builder = name === undefined ? undefined : await client.get(Builders, `${buildsNamespace}/${name}`);
    return builder?.spec.ticket?.uid === ticket.metadata.uid ? builder : undefined;
  }

  async function makePod(ticket: BuilderTicket, pool: string): Promise<Builder> {
    const wanted = builderFor(ticket, pool, buildsNamespace);
    if (await createOnce(client, Builders, wanted)) return wanted;
    // A leader before this one has made it and was cut short; it may have chosen another pool.
    const found = await client.get(Builders, keyOf(wanted));
    if (found !== undefined && found.spec.ticket?.uid === ticket.metadata.uid) return found;
    throw new Error(`Builder ${keyOf(wanted)} is ${found === undefined ? 'just gone' : 'of another ticket'}`);
  }

  /** Undefined when somebody has changed the machine since it was seen: it may have another ticket, or be lost. */
  async function claim(ticket: BuilderTicket, machine: Builder): Promise<Builder | undefined> {
    if (machine.spec.ticket?.uid === ticket.metadata.uid) return machine;
    const { uid, resourceVersion } = machine.metadata;
    try {
      const patch = { metadata: { uid, resourceVersion }, spec: claimFor(ticket) };
      return await client.mergePatch(Builders, keyOf(machine), patch);
    } catch (error) {
      if (isGoneOrOther(error)) return undefined;
      throw error;
    }
  }

  async function carryOut({ ticket, pool, machine }: Assignment, ctx: ReconcileContext): Promise<Outcome> {
    const builder =
      (await givenTo(ticket)) ?? (machine === undefined ? await makePod(ticket, pool) : await claim(ticket, machine));
    if (builder === undefined) return 'taken';
    remember(ticket, builder);
    const data = ticket.spec.chrootBuild === undefined ? lentOutput(builder.status ?? {}) : undefined;
    await tell(manager, ticket, {
      phase: 'Assigned',
      reason: 'Assigned',
      message: `served by pool ${builder.spec.pool}`,
      pool: builder.spec.pool,
      builder: builder.metadata.name,
      assignedAt: toTimestamp(ctx.clock.now()),
      ...(data === undefined ? {} : { output: data }),
    });
    metrics.assigned(ticket);
    ctx.log.info({ ticket: keyOf(ticket), builder: builder.metadata.name, pool }, 'ticket assigned');
    return 'done';
  }

  return {
    async assign(assignment, ctx) {
      try {
        return await carryOut(assignment, ctx);
      } catch (error) {
        if (!isInvalid(error)) throw error;
        // What the API server does not accept it will not accept later; all others are to be served nevertheless.
        ctx.log.error({ ticket: keyOf(assignment.ticket), err: error }, 'a ticket cannot be assigned');
        return 'refused';
      }
    },

    async fail({ ticket, machine }) {
      const found = machine === '' ? undefined : await client.get(Builders, `${buildsNamespace}/${machine}`);
      if (found !== undefined && found.spec.ticket?.uid === ticket.metadata.uid && !isLost(found)) return false;
      const why = found?.status?.message === undefined ? '' : `: ${found.status.message}`;
      await tell(manager, ticket, {
        ...ticket.status,
        phase: 'Failed',
        reason: 'MachineLost',
        message: `machine ${machine} was lost${why}; close the ticket and take another one`.slice(0, 1024),
      });
      return true;
    },
  };
}
