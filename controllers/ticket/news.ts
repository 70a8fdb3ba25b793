import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { News } from './world.ts';

/** Up to here a ticket is near the front: its reason and its place are told more exactly. */
export const NEAR = 100;

/** Reasons that change as builds end, for thousands of tickets at once, and change back. */
const PASSING = new Set(['Queued', 'PoolFull', 'PoolPaused', 'MachineStarting', 'QuotaExceeded']);

/**
 * Is it worth a write to tell a waiting ticket? With every build that starts, all positions behind it change: most of
 * what the API server does would be telling them. From place 10,000 to the first a ticket is told about ten times.
 */
export function isNews(ticket: BuilderTicket, { reason, message, position }: News): boolean {
  const shown = ticket.status;
  if (shown?.phase !== 'Waiting') return true;
  if (shown.position === undefined || position === undefined) {
    if (shown.position !== position) return true;
  } else if (isOff(shown.position, position)) return true;
  if (shown.reason === reason && shown.message === message) return false;
  const isPassing = PASSING.has(reason) && PASSING.has(shown.reason ?? '');
  return !isPassing || position === undefined || position <= NEAR;
}

/** By more than half near the front, elsewhere by more than a factor of four. */
function isOff(shown: number, position: number): boolean {
  if (position <= NEAR) return Math.abs(shown - position) > shown / 2;
  return position * 4 < shown || position > shown * 4;
}
