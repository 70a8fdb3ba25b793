import type { BuilderTicket } from '../../../crds/builderticket.ts';
import type { Decision } from '../decide.ts';
import { decide } from '../decide.ts';
import { explain } from '../explain.ts';
import type { News, SchedulerWorld } from '../world.ts';

/** What one cycle decides, and what everybody else is told after it. */
export interface Plan extends Pick<Decision, 'assign' | 'failed' | 'wakeAt'> {
  /** In the order in which they will be served, those that nothing will serve last. */
  waiting: ({ ticket: BuilderTicket } & News)[];
}

export function planOf(world: SchedulerWorld, now: number): Plan {
  const { assign, failed, wakeAt, after } = decide(world, now);
  const waiting = [...explain(world, after, now)].map(({ ticket, news }) => ({ ticket, ...news }));
  return { assign, failed, wakeAt, waiting };
}
