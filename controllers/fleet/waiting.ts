import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { WaitingLine } from './world.ts';

/** What another machine would not help against. */
const HELD = new Set(['QuotaExceeded', 'ProjectSuspended']);
/** There is a place for them, and they will have it in their turn. */
const SERVED = new Set(['Queued']);

type Kind = 'told' | 'fresh';

/**
 * Waiting tickets, counted by what they ask for. It follows the cache change by change, since there may be 50,000 of
 * them and a cycle must not look at each.
 */
export class WaitingTickets {
  private readonly lines = new Map<string, WaitingLine>();
  /** One entry for each ticket: it must not hold more than references. */
  private readonly tickets = new Map<string, { line: WaitingLine; kind: Kind }>();

  /** @param ticket undefined when it is gone */
  see(key: string, ticket: BuilderTicket | undefined): void {
    const before = this.tickets.get(key);
    const kind = ticket && kindOf(ticket);
    if (ticket === undefined || kind === undefined) {
      if (before !== undefined) this.leave(key, before);
      return;
    }
    // What a ticket asks for does not change, but a ticket of the same name may come.
    const id = idOf({ ...ticket.spec, isStage: ticket.spec.chrootBuild !== undefined });
    let line = this.lines.get(id);
    if (before?.line === line && before?.kind === kind) return;
    if (line === undefined) {
      line = lineOf(ticket);
      this.lines.set(id, line);
    }
    line[kind]++;
    if (before !== undefined) this.leave(key, before);
    this.tickets.set(key, { line, kind });
  }

  all(): readonly WaitingLine[] {
    return [...this.lines.values()];
  }

  private leave(key: string, { line, kind }: { line: WaitingLine; kind: Kind }): void {
    this.tickets.delete(key);
    line[kind]--;
    if (line.told + line.fresh === 0) this.lines.delete(idOf(line));
  }
}

/** Undefined: no machine can or need serve it. */
function kindOf({ metadata, spec, status }: BuilderTicket): Kind | undefined {
  if (spec.closed || metadata.deletionTimestamp !== undefined || spec.environment === 'pod') return undefined;
  if (status?.phase !== undefined && status.phase !== 'Waiting') return undefined;
  const reason = status?.reason;
  if (reason === undefined || SERVED.has(reason)) return 'fresh';
  return HELD.has(reason) ? undefined : 'told';
}

function idOf({ architecture, tags, sandbox, isStage }: Omit<WaitingLine, Kind>): string {
  return [architecture, isStage ? 'stage' : 'lent', [...tags].sort().join(' '), sandbox].join('\n');
}

function lineOf({ spec }: BuilderTicket): WaitingLine {
  const { architecture, tags, sandbox, chrootBuild } = spec;
  return { architecture, tags: [...tags].sort(), sandbox, isStage: chrootBuild !== undefined, told: 0, fresh: 0 };
}
