/** The outcome of `task`, or the signal's reason when the signal fires and the task does not end upon it. */
export function untilAborted<R>(task: Promise<R>, signal: AbortSignal): Promise<R> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      // Well-behaved work ends in the same turn of the loop; give it the chance to say so itself.
      setImmediate(() => reject(signal.reason));
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
