import { setImmediate } from 'node:timers/promises';

/** How long work without I/O may keep the event loop from timers and sockets. */
const SLICE_MS = 10;

/** Call between pieces of work: gives way to timers and sockets when the last time is long ago. */
export function createYielder(): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < SLICE_MS) return undefined;
    return setImmediate().then(() => {
      last = performance.now();
    });
  };
}
