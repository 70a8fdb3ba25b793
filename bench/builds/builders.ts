/** Plays builders that are no pods: each starts, builds and ends by itself, and goes when its ticket is closed. */
import { taskID } from '../../controllers/shared/names.ts';
import type { PublisherModel } from '../../controllers/testing/publisher.ts';
import type { Builder } from '../../crds/builder.ts';
import { Builders, stageClaimOf } from '../../crds/builder.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import { systemClock, toTimestamp } from '../../lib/clock.ts';
import type { ReconcileResult } from '../../operator/controller.ts';
import { watching } from '../../operator/controller.ts';
import type { Manager } from '../../operator/manager.ts';
import { keyOf } from '../../operator/resource.ts';
import type { Lives } from './lives.ts';
import { createLeft, SUCCEEDED, whileThere } from './lives.ts';

const WORKERS = 16;

export function addSimulatedBuilders(manager: Manager, publisher: PublisherModel, lives: Lives): void {
  const builders = manager.store(Builders);
  const tickets = manager.store(BuilderTickets);
  const left = createLeft();
  manager.addIndex(Builders, 'ticket', ({ spec: { ticket } }) =>
    ticket ? [`${ticket.namespace}/${ticket.name}`] : [],
  );

  async function live(builder: Builder): Promise<ReconcileResult> {
    const claim = stageClaimOf(builder);
    if (claim === undefined || builder.metadata.deletionTimestamp !== undefined) return undefined;
    const ticket = tickets.get(`${claim.ticket.namespace}/${claim.ticket.name}`);
    if (ticket?.spec.closed === true) {
      await manager.client.delete(Builders, keyOf(builder), { uid: builder.metadata.uid ?? '' });
      return undefined;
    }
    const phase = builder.status?.phase ?? 'Starting';
    if (phase === 'Ended') return undefined;
    const wait = left(builder, phase, phase === 'Starting' ? lives.startMs : lives.buildMs);
    if (wait > 0) return { requeueAfterMs: wait, reason: phase };
    if (phase === 'Running') {
      publisher.complete(taskID({ metadata: claim.chrootBuild }, claim.attempt), { verdict: SUCCEEDED, files: [] });
    }
    const now = toTimestamp(systemClock.now());
    const status =
      phase === 'Running'
        ? { phase: 'Ended', reason: 'Ended', endedAt: now }
        : { phase: 'Running', reason: 'Building', node: 'node', startedAt: now };
    await manager.client.mergePatch(Builders, keyOf(builder), { status }, { subresource: 'status' });
    return undefined;
  }

  manager.addController({
    name: 'builders',
    for: Builders,
    watches: [
      watching({ type: BuilderTickets, map: (ticket) => builders.byIndex('ticket', keyOf(ticket)).map(keyOf) }),
    ],
    workers: WORKERS,
    reconcile: (key) => whileThere(builders.get(key), live),
    rbac: [],
  });
}
