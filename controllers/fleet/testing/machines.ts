/** Plays the controller of machines, and the clouds behind it: as far as the fleet can tell. */
import type { Builder } from '../../../crds/builder.ts';
import { Builders, isMachine } from '../../../crds/builder.ts';
import { systemClock, toTimestamp } from '../../../lib/clock.ts';
import type { Manager } from '../../../operator/manager.ts';
import { keyOf } from '../../../operator/resource.ts';
import { MACHINE_FINALIZER } from '../../hook/names.ts';
import { isGoneOrOther } from '../../shared/patch.ts';

export class MachinesStandin {
  /** What becomes of a machine that starts. */
  fate: (builder: Builder) => 'starts' | 'fails' | 'hangs' = () => 'starts';
  /** Whether machines can be deleted. */
  deletes = true;
  /** Names of all machines that were ever seen. */
  readonly seen = new Set<string>();
  /** Those that are somewhere in a cloud. */
  readonly cloud = new Set<string>();

  add(manager: Manager): void {
    manager.addController({
      name: 'machines',
      for: Builders,
      workers: 4,
      rbac: [],
      reconcile: async (key) => {
        const builder = manager.store(Builders).get(key);
        if (builder === undefined || !isMachine(builder)) return undefined;
        try {
          return await this.live(manager, builder);
        } catch (error) {
          if (!isGoneOrOther(error)) throw error;
          return undefined;
        }
      },
    });
  }

  private async live(manager: Manager, builder: Builder): ReturnType<typeof looksAgain> {
    const { name, deletionTimestamp } = builder.metadata;
    this.seen.add(name);
    if (deletionTimestamp !== undefined) {
      if (!this.deletes) return looksAgain();
      this.cloud.delete(name);
      const rest = (builder.metadata.finalizers ?? []).filter((finalizer) => finalizer !== MACHINE_FINALIZER);
      await manager.client.patchFinalizers(Builders, builder, rest);
      return undefined;
    }
    const now = toTimestamp(systemClock.now());
    const phase = builder.status?.phase;
    if (phase === undefined || phase === 'Starting') {
      this.cloud.add(name);
      const fate = this.fate(builder);
      if (fate === 'hangs') return looksAgain();
      const lost = { phase: 'Lost', reason: 'StartFailed', message: 'the cloud is full', endedAt: now } as const;
      await tell(manager, builder, fate === 'fails' ? lost : { phase: 'Ready', startedAt: now, startSeconds: 1 });
    } else if (phase === 'Ready' && builder.spec.ticket !== undefined) {
      await tell(manager, builder, { phase: 'Running', assignedAt: now });
    }
    return undefined;
  }
}

function looksAgain(): Promise<{ requeueAfterMs: number; reason: string } | undefined> {
  return Promise.resolve({ requeueAfterMs: 50, reason: 'Waiting' });
}

/** Every write of a status in these tests goes through here. */
export async function tell(manager: Manager, builder: Builder, status: NonNullable<Builder['status']>): Promise<void> {
  await manager.client.mergePatch(Builders, keyOf(builder), { status }, { subresource: 'status' });
}
