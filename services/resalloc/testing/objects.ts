import type { BuilderTicket } from '../../../crds/builderticket.ts';
import { API_VERSION } from '../../../crds/kind.ts';
import { ticketFor } from '../ticket.ts';

/** A ticket as the API server shows it. */
export function aTicket(number: number, status?: BuilderTicket['status'], closed = false): BuilderTicket {
  const { metadata, spec } = ticketFor(number, 'builds', { tags: [], sandbox: undefined }, 'own');
  return {
    apiVersion: API_VERSION,
    kind: 'BuilderTicket',
    metadata,
    spec: { ...spec, closed },
    ...(status === undefined ? {} : { status }),
  };
}

/** Status of a ticket whose machine says "host". */
export const ASSIGNED = { phase: 'Assigned', assignedAt: '2026-01-01T00:00:00Z', output: 'aG9zdAo=' } as const;
