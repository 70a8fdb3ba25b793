import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { News, Schedule, Waiting } from './world.ts';

/**
 * Is it worth a write to tell a waiting ticket? A position that is off by less than a tenth is not: with every build
 * that starts, all positions behind it change, and a hundred writes each time would be most of what the API server does.
 */
export function isNews(ticket: BuilderTicket, { reason, message, position }: News): boolean {
  const shown = ticket.status;
  if (shown?.phase !== 'Waiting' || shown.reason !== reason || shown.message !== message) return true;
  if (shown.position === undefined || position === undefined) return shown.position !== position;
  return Math.abs(shown.position - position) > position / 10;
}

/** The first so many tickets that there is news for; those with a position come first. */
export function newsOf({ next, rest }: Pick<Schedule, 'next' | 'rest'>, count: number): Waiting[] {
  const found: Waiting[] = [];
  for (const waiting of next) {
    if (found.length === count) return found;
    if (isNews(waiting.ticket, waiting.news)) found.push(waiting);
  }
  for (const { tickets, news } of rest) {
    for (const ticket of tickets) {
      if (found.length === count) return found;
      if (isNews(ticket, news)) found.push({ ticket, news });
    }
  }
  return found;
}
