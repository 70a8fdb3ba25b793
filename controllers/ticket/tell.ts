import type { BuilderTicket } from '../../crds/builderticket.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import { API_VERSION } from '../../crds/kind.ts';
import type { Manager } from '../../operator/manager.ts';
import { fieldManager } from '../shared/names.ts';
import { isGoneOrOther } from '../shared/patch.ts';

export type TicketStatus = NonNullable<BuilderTicket['status']>;

/** One for all that the scheduler says: whoever has a builder loses his place in the queue with the same write. */
const MANAGER = fieldManager('ticket');

/**
 * Writes the status of a ticket; one that is gone by now need not be told anything. With `unchanged` neither need one
 * that is not as it was seen: why it waited may be told after it was assigned.
 */
export async function tell(
  manager: Manager,
  ticket: BuilderTicket,
  status: TicketStatus,
  when: 'always' | 'unchanged' = 'always',
): Promise<void> {
  const { name, namespace, uid, resourceVersion } = ticket.metadata;
  const desired = {
    apiVersion: API_VERSION,
    kind: 'BuilderTicket',
    metadata: { name, namespace: namespace ?? '', uid: uid ?? '' },
    status: { observedGeneration: ticket.metadata.generation ?? 0, ...status },
  };
  const precondition = when === 'unchanged' && resourceVersion !== undefined ? { resourceVersion } : {};
  try {
    await manager.applyStatus(BuilderTickets, desired, { manager: MANAGER, ...precondition });
  } catch (error) {
    if (!isGoneOrOther(error)) throw error;
  }
}
