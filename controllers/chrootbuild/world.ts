import type { Builder, BuilderSession } from '../../crds/builder.ts';
import { sessionOf } from '../../crds/builder.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { Chroot } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import type { ImportResult } from '../../lib/protocol/distgit.ts';
import type { Publication, TaskState } from '../../lib/protocol/publisher.ts';
import type { Refusal } from '../shared/ask.ts';

/** Everything a decision about one ChrootBuild is made from. */
export interface ChrootBuildWorld {
  chrootBuild: ChrootBuild;
  /** Tickets of this very ChrootBuild, open and closed. Their number is the number of attempts. */
  tickets: readonly BuilderTicket[];
  /** The Builder of the newest ticket, if it exists; a machine may have been released from it already. */
  builder: Builder | undefined;
  /** Whether some pool could serve the newest ticket, if not now, then later. */
  servable: boolean;
  /** The target chroot; undefined for the source stage, or when it is gone. */
  chroot: Chroot | undefined;
  /** Answers of the services, asked for by an earlier plan of the same reconcile. */
  facts: Facts;
  urls: { results: string; resultsInternal: string };
}

/** A service's answer; `pending` while it works. Absent: not asked. */
export interface Facts {
  task?: TaskState | Refusal;
  publication?: Publication | Refusal | 'pending';
  imported?: ImportResult | Refusal | 'pending';
}

/** A question that must be answered before the plan can go on. */
export type Question = 'task' | 'publication' | 'imported';

/** What became of the newest ticket's stage on its Builder; undefined while the Builder has not begun with it. */
export function sessionIn(world: Pick<ChrootBuildWorld, 'builder' | 'tickets'>): BuilderSession | undefined {
  const uid = newestTicket(world)?.metadata.uid;
  return world.builder === undefined || uid === undefined ? undefined : sessionOf(world.builder, uid);
}

export function newestTicket(world: Pick<ChrootBuildWorld, 'tickets'>): BuilderTicket | undefined {
  return [...world.tickets].sort((a, b) => b.spec.attempt - a.spec.attempt)[0];
}
