import type { BuilderTicket } from '../../crds/builderticket.ts';

/** What a ticket asks of a pool. */
export interface Wish {
  /** The same for tickets that ask the same. */
  key: string;
  architecture: string;
  tags: readonly string[];
  /** For a stage of a build; otherwise a client of Resalloc wants a machine, to drive it itself. */
  isStage: boolean;
  environment: 'pod' | 'machine' | undefined;
}

export function wishOf(ticket: BuilderTicket): Wish {
  const { architecture, tags, chrootBuild, environment } = ticket.spec;
  return { key: wishKey(ticket), architecture, tags, isStage: chrootBuild !== undefined, environment };
}

export function wishKey({ spec: { architecture, tags, chrootBuild, environment } }: BuilderTicket): string {
  const what = `${architecture} ${chrootBuild === undefined ? 'lent' : 'stage'} ${environment ?? 'any'}`;
  return tags.length === 0 ? what : [what, ...[...tags].sort()].join(' ');
}
