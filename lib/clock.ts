/**
 * The only door to time. Everything that waits or stamps takes a Clock, so tests can hold time still.
 * Units are milliseconds.
 */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. For stamps that people or other machines read. */
  now(): number;
  /** Monotonic clock, milliseconds from an arbitrary start. For durations and deadlines: never jumps. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};

/** RFC 3339 in UTC with whole seconds: the form of `metav1.Time`. */
export function toTimestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** Milliseconds since the epoch of a Kubernetes timestamp. Throws when it is not one. */
export function fromTimestamp(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new Error(`"${text}" is not a timestamp; expected RFC 3339 such as 2026-01-31T12:00:00Z`);
  return ms;
}
