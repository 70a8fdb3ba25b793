import type { BuilderTicket } from '../../crds/builderticket.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import type { Clock } from '../../lib/clock.ts';
import { toTimestamp } from '../../lib/clock.ts';
import { atMost, withDeadline } from '../../lib/deadline.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { ApiClient } from '../../operator/client.ts';
import { ApiError, isAlreadyExists, isNotFound } from '../../operator/client.ts';
import type { Counter } from '../../operator/counter.ts';
import { Fault } from './fault.ts';
import { CLOSED_AT, collected, nameOf, ticketFor, ticketNumberOf, wishOf } from './ticket.ts';
import type { Waiters } from './waiters.ts';
import type { Parameter, Result } from './xmlrpc.ts';

/** Attempts to make one ticket. Its name is its own, so that one which is there already is the one that was wanted. */
const ATTEMPTS = 3;

export interface MethodTools {
  client: ApiClient;
  /** Where the tickets are. */
  namespace: string;
  counter: Counter;
  waiters: Waiters;
  clock: Clock;
  log: Logger;
  /** Whether the numbers in use are known. */
  synced: () => boolean;
  /** Unguessable. */
  randomName: () => string;
  /** The API server has so long for each step of a method. */
  stepMs: number;
}

export type Method = (parameters: readonly Parameter[], signal: AbortSignal) => Promise<Result>;

/** The signal tells that the client has gone. */
export function createMethods(tools: MethodTools): ReadonlyMap<string, Method> {
  const { client, namespace, clock, log, stepMs } = tools;
  const keyOfNumber = (number: number): string => `${namespace}/${nameOf(number)}`;

  /** One exchange with the API server: ends in time, and in a Fault for whatever goes wrong. */
  async function ask<R>(what: string, work: (signal: AbortSignal) => Promise<R>): Promise<R> {
    try {
      return await withDeadline({ clock, ms: stepMs, what }, work);
    } catch (error) {
      throw faultOf(error, what, log);
    }
  }

  async function takeTicket(parameters: readonly Parameter[], gone: AbortSignal): Promise<Result> {
    const wish = wishOf(parameters);
    if (!tools.synced()) throw new Fault('unavailable', 'the service is starting and gives no tickets yet; try again');
    const number = await nextNumber();
    const ticket = ticketFor(number, namespace, wish, tools.randomName());
    await ask('making a ticket', (signal) => createOnce(client, ticket, signal));
    log.info({ ticket: number, tags: wish.tags, architecture: ticket.spec.architecture }, 'ticket taken');
    // Nobody has heard of its number, so nobody would ever close it and let its machine go.
    if (gone.aborted) {
      await close(number);
      log.info({ ticket: number }, 'ticket closed, since its client left before it had the number');
    }
    return number;
  }

  async function nextNumber(): Promise<number> {
    const number = await ask('taking a number', () => atMost(clock, stepMs, tools.counter.next()));
    if (number !== undefined) return number;
    throw new Fault('unavailable', 'the Kubernetes API server gives no number for the ticket; try again');
  }

  async function collectTicket(parameters: readonly Parameter[]): Promise<Result> {
    const number = ticketNumberOf('collectTicket', parameters);
    // Not from the cache: a client that has just been told a number by another replica must not hear that it is unknown.
    return collected(await read(number));
  }

  async function read(number: number): Promise<BuilderTicket | undefined> {
    return ask('reading a ticket', (signal) => client.get(BuilderTickets, keyOfNumber(number), { signal }));
  }

  async function closeTicket(parameters: readonly Parameter[]): Promise<Result> {
    await close(ticketNumberOf('closeTicket', parameters));
    return null;
  }

  /** A ticket that is closed or unknown is no error: Resalloc's client repeats a call that fails for ever. */
  async function close(number: number): Promise<void> {
    const ticket = await read(number);
    if (ticket === undefined || ticket.spec.closed) return;
    const annotations = { [CLOSED_AT]: toTimestamp(clock.now()) };
    const patch = { metadata: { annotations }, spec: { closed: true } };
    await ask('closing a ticket', async (signal) => {
      try {
        await client.mergePatch(BuilderTickets, keyOfNumber(number), patch, { signal });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    });
    log.info({ ticket: number }, 'ticket closed');
  }

  const methods: Map<string, Method> = new Map<string, Method>([
    ['takeTicket', takeTicket],
    ['collectTicket', collectTicket],
    ['waitTicket', (parameters, gone) => tools.waiters.wait(ticketNumberOf('waitTicket', parameters), gone)],
    ['closeTicket', closeTicket],
    ['system.listMethods', async () => [...methods.keys()].sort()],
  ]);
  return methods;
}

/** An answer that got lost does not make a second ticket. */
async function createOnce(
  client: ApiClient,
  ticket: Pick<BuilderTicket, 'metadata' | 'spec'>,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.create(BuilderTickets, ticket, { signal });
      return;
    } catch (error) {
      if (attempt > 1 && isAlreadyExists(error)) return;
      const refused = error instanceof ApiError && error.status < 500;
      if (refused || signal.aborted || attempt === ATTEMPTS) throw error;
    }
  }
}

/** The client learns what it can do; the log has the rest. */
function faultOf(error: unknown, what: string, log: Logger): Fault {
  if (error instanceof Fault) return error;
  log.warn({ what, error: errorMessage(error) }, 'the API server could not be used');
  if (error instanceof ApiError && error.status < 500 && error.status !== 429) {
    return new Fault('internal', `the Kubernetes API server has refused ${what}: ${error.status} ${error.reason}`);
  }
  return new Fault('unavailable', `${what} failed, since the Kubernetes API server does not answer; try again`);
}
