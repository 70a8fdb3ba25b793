import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { fromTimestamp } from '../../lib/clock.ts';

/**
 * Where a machine is in its life. `Free`: it never served anyone. `Reserved`: it was released and waits for its sandbox.
 * `Releasing` includes those whose ticket is still to be taken off.
 */
export type MachineState = 'Starting' | 'Free' | 'Reserved' | 'Running' | 'Releasing' | 'Lost' | 'Deleting';

export function machineState({ metadata, spec, status }: Builder): MachineState {
  if (metadata.deletionTimestamp !== undefined || status?.phase === 'Deleting') return 'Deleting';
  switch (status?.phase) {
    case undefined:
    case 'Starting':
      return 'Starting';
    case 'Lost':
    case 'Ended':
      return 'Lost';
    case 'Releasing':
      return 'Releasing';
    case 'Running':
      return 'Running';
    case 'Ready':
      if (spec.ticket !== undefined) return 'Running';
      return spec.sandbox === undefined ? 'Free' : 'Reserved';
  }
}

/** Its builders are machines: they outlive stages, and what they leave behind costs money or space elsewhere. */
export function hasMachines({ spec }: Pick<BuilderPool, 'spec'>): boolean {
  return spec.command !== undefined || spec.hosts !== undefined;
}

export interface EndOfUse {
  reason: 'NoReuse' | 'UsedUp' | 'TooOld' | 'NotWanted';
  message: string;
}

/**
 * Why a machine that was released must not be given to its sandbox again; undefined while it may. `uses` counts every
 * ticket that it was released from: a pool that allows N uses gets exactly N.
 */
export function endOfUse(
  { status }: Pick<Builder, 'status'>,
  { spec: { reuse } }: Pick<BuilderPool, 'spec'>,
  now: number,
): EndOfUse | undefined {
  const uses = status?.uses ?? 0;
  if (reuse.waitSeconds === 0) return { reason: 'NoReuse', message: 'its pool uses machines once' };
  if (reuse.maxUses > 0 && uses >= reuse.maxUses) {
    return { reason: 'UsedUp', message: `it has served ${uses} of ${reuse.maxUses} tickets` };
  }
  if (reuse.maxSeconds > 0 && since(status?.assignedAt, now) >= reuse.maxSeconds * 1000) {
    return { reason: 'TooOld', message: `its first use was more than ${reuse.maxSeconds} s ago` };
  }
  if (since(status?.releasedAt, now) >= reuse.waitSeconds * 1000) {
    return { reason: 'NotWanted', message: `its sandbox has not asked for it within ${reuse.waitSeconds} s` };
  }
  return undefined;
}

/** When endOfUse will say something that time alone brings about; undefined when nothing will. */
export function endOfUseAt(
  { status }: Pick<Builder, 'status'>,
  { spec: { reuse } }: Pick<BuilderPool, 'spec'>,
): number | undefined {
  const ends: number[] = [];
  if (status?.releasedAt !== undefined) ends.push(fromTimestamp(status.releasedAt) + reuse.waitSeconds * 1000);
  if (status?.assignedAt !== undefined && reuse.maxSeconds > 0) {
    ends.push(fromTimestamp(status.assignedAt) + reuse.maxSeconds * 1000);
  }
  return ends.length === 0 ? undefined : Math.min(...ends);
}

function since(timestamp: string | undefined, now: number): number {
  return timestamp === undefined ? 0 : now - fromTimestamp(timestamp);
}
