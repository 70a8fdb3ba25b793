import type { Builder } from '../../crds/builder.ts';
import { isMachine } from '../../crds/builder.ts';
import { machineState } from '../shared/machines.ts';

export interface PoolCounts {
  /** Those that take up a place. A machine does until it is deleted: it exists. */
  builders: number;
  starting: number;
  /** In use, or being cleaned after it. */
  running: number;
  free: number;
  deleting: number;
  /** Machines that work. */
  up: number;
}

export type BuilderState = 'starting' | 'free' | 'reserved' | 'running' | 'releasing' | 'ended' | 'lost' | 'deleting';

export function builderState(builder: Builder): BuilderState {
  if (isMachine(builder)) return machineState(builder).toLowerCase() as BuilderState;
  switch (builder.status?.phase) {
    case 'Running':
      return 'running';
    case 'Ended':
      return 'ended';
    case 'Lost':
      return 'lost';
    default:
      return 'starting';
  }
}

export function countsOf(builders: readonly Builder[]): PoolCounts {
  const states = new Map<BuilderState, number>();
  for (const builder of builders) {
    if (isOver(builder)) continue;
    const state = builderState(builder);
    states.set(state, (states.get(state) ?? 0) + 1);
  }
  const count = (...wanted: BuilderState[]): number => wanted.reduce((sum, state) => sum + (states.get(state) ?? 0), 0);
  return {
    builders: [...states.values()].reduce((sum, each) => sum + each, 0),
    starting: count('starting'),
    running: count('running', 'releasing'),
    free: count('free', 'reserved'),
    deleting: count('deleting', 'lost'),
    up: count('free', 'reserved', 'running', 'releasing'),
  };
}

/** A pod that has given its place up. A machine has when it is deleted. */
export function isOver(builder: Builder): boolean {
  if (isMachine(builder)) return false;
  return builder.status?.phase === 'Ended' || builder.status?.phase === 'Lost';
}
