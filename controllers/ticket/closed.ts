import type { BuilderTicket } from '../../crds/builderticket.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { tell } from './tell.ts';

const WORKERS = 4;

/** Tells closed tickets so, each by itself: whoever waits for a builder does not wait for that. */
export function addClosedTickets(manager: Manager, rbac: RbacRule[]): void {
  const tickets = manager.store(BuilderTickets);
  manager.addController({
    name: 'ticket-closed',
    for: BuilderTickets,
    forPredicate: (_old, now) => now !== undefined && isToBeTold(now),
    workers: WORKERS,
    async reconcile(key) {
      const ticket = tickets.get(key);
      if (ticket === undefined || !isToBeTold(ticket)) return;
      const { position: _position, estimatedSeconds: _seconds, estimatedAt: _at, ...status } = ticket.status ?? {};
      await tell(manager, ticket, {
        ...status,
        observedGeneration: ticket.metadata.generation ?? 0,
        phase: 'Closed',
        reason: 'Closed',
        message: 'the builder is no longer needed',
      });
    },
    rbac,
  });
}

function isToBeTold({ spec, status }: BuilderTicket): boolean {
  return spec.closed && status?.phase !== 'Closed';
}
