import type { Builder } from '../../../crds/builder.ts';
import type { TaskState } from '../../../lib/protocol/publisher.ts';
import { aBinaryStage, aBuilder, aChroot, ago, aTicket } from '../../testing/objects.ts';
import type { ChrootBuildWorld } from '../world.ts';

/** Worlds for tests of what one stage needs next. */

export const GOOD = { outcome: 'succeeded', reason: 'Succeeded', message: 'built', exitCode: 0 } as const;
export const ASSIGNED = { phase: 'Assigned', pool: 'default', builder: 'default-t', assignedAt: ago(3) } as const;
export const COMPLETE: TaskState = { state: 'complete', manifest: { verdict: GOOD, files: [] } };

export function aWorld(more: Partial<ChrootBuildWorld> = {}): ChrootBuildWorld {
  return {
    chrootBuild: aBinaryStage('pebble-13-x86_64'),
    tickets: [],
    builder: undefined,
    servable: true,
    chroot: aChroot('pebble-13-x86_64'),
    facts: {},
    urls: { results: 'http://results.example/results', resultsInternal: 'http://kopr-results:5002/results' },
    ...more,
  };
}

/** A world in which the attempt's builder is in `phase`. */
export function withBuilder(
  status: NonNullable<Builder['status']>,
  more: Partial<ChrootBuildWorld> = {},
  attempt = 1,
): ChrootBuildWorld {
  const ticket = aTicket(`t.${attempt}`, { attempt }, ASSIGNED);
  return aWorld({ tickets: [ticket], builder: aBuilder(ticket, status), ...more });
}
