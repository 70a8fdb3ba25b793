/** The signal fired before the work ended; `cause` is the signal's reason. */
export class AbortedWork extends Error {}

/** The outcome of `task`, or AbortedWork when the signal fires and the task does not end upon it. */
export function untilAborted<R>(task: Promise<R>, signal: AbortSignal): Promise<R> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      // Well-behaved work ends in the same turn of the loop; give it the chance to say so itself.
      setImmediate(() => reject(new AbortedWork('aborted', { cause: signal.reason })));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    task.then(
      (value) => {
        signal.removeEventListener('abort', onAbort);
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', onAbort);
        reject(error);
      },
    );
  });
}
