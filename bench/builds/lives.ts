/** What stand-ins of builders have in common, whether they play pods or not. */
import { isGoneOrOther } from '../../controllers/shared/patch.ts';
import { systemClock } from '../../lib/clock.ts';
import type { KubeObject } from '../../operator/resource.ts';

export interface Lives {
  /** Milliseconds from a builder's creation until its build runs. */
  startMs: number;
  /** How long it runs then. */
  buildMs: number;
}

export const SUCCEEDED = { outcome: 'succeeded', reason: 'Succeeded', message: 'built', exitCode: 0 } as const;

/** Milliseconds that an object is to stay in a phase, which takes `ms`; counted from the first question. */
export type Left = (object: KubeObject, phase: string, ms: number) => number;

export function createLeft(): Left {
  const due = new Map<string, number>();
  return ({ metadata }, phase, ms) => {
    const id = `${metadata.uid} ${phase}`;
    const now = systemClock.monotonic();
    const end = due.get(id) ?? now + ms;
    due.set(id, end);
    if (end <= now) due.delete(id);
    return end - now;
  };
}

/** Does the work on an object that is there. What changed or went meanwhile comes back by its watch. */
export async function whileThere<T extends KubeObject, R>(
  object: T | undefined,
  work: (object: T) => Promise<R>,
): Promise<R | undefined> {
  if (object === undefined) return undefined;
  try {
    return await work(object);
  } catch (error) {
    if (!isGoneOrOther(error)) throw error;
    return undefined;
  }
}
