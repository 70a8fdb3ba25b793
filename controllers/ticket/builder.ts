import type { Builder } from '../../crds/builder.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { API_VERSION } from '../../crds/kind.ts';
import { builderName } from '../shared/names.ts';

/**
 * The pod Builder that serves a ticket. Its name follows from the ticket alone: a leader that does not know what the
 * one before it has chosen may choose another pool, yet cannot make a second Builder.
 */
export function builderFor(ticket: BuilderTicket, pool: string, namespace: string): Builder {
  const { metadata, spec } = ticket;
  return {
    apiVersion: API_VERSION,
    kind: 'Builder',
    metadata: { name: builderName(metadata.uid ?? ''), namespace, labels: { 'kopr.dev/pool': pool } },
    spec: { pool, ...claimFor(ticket), architecture: spec.architecture },
  };
}

type ClaimFields = Required<Pick<Builder['spec'], 'ticket' | 'sandbox'>> &
  Pick<Builder['spec'], 'chrootBuild' | 'attempt'>;

/** What a Builder says of the ticket that it serves. */
export function claimFor({ metadata, spec }: BuilderTicket): ClaimFields {
  const namespace = metadata.namespace ?? '';
  const ticket = { namespace, name: metadata.name, uid: metadata.uid ?? '' };
  if (spec.chrootBuild === undefined) return { ticket, sandbox: spec.sandbox };
  const chrootBuild = { namespace, name: spec.chrootBuild, uid: spec.chrootBuildUID ?? '' };
  return { ticket, chrootBuild, attempt: spec.attempt, sandbox: spec.sandbox };
}
