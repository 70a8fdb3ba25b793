import type { Waiting } from './world.ts';

/**
 * Is it worth a write to tell a waiting ticket? A position that is off by less than a tenth is not: with every build
 * that starts, all positions behind it change, and a hundred writes each time would be most of what the API server does.
 */
export function isNews({ ticket, reason, message, position }: Waiting): boolean {
  const shown = ticket.status;
  if (shown?.phase !== 'Waiting' || shown.reason !== reason || shown.message !== message) return true;
  if (shown.position === undefined || position === undefined) return shown.position !== position;
  return Math.abs(shown.position - position) > position / 10;
}
