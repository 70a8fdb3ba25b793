import { type ChildProcess, fork } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { WorkerResult, WorkerSetup } from './worker.ts';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));

/**
 * Converts packages in `processes` processes, largest first, and reports each as it is done.
 * Rejects at the first package that cannot be converted; the processes end with the call in any case.
 */
export async function convertAll(
  debs: readonly string[],
  setup: WorkerSetup,
  processes: number,
  done: (result: WorkerResult) => void,
): Promise<void> {
  const queue = debs.toSorted((a, b) => statSync(b).size - statSync(a).size);
  const workers = Array.from({ length: Math.min(processes, queue.length) }, () =>
    fork(WORKER, { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
  );
  try {
    await Promise.all(workers.map((worker) => serve(worker, queue, setup, done)));
  } finally {
    for (const worker of workers) worker.kill();
  }
}

function serve(
  worker: ChildProcess,
  queue: string[],
  setup: WorkerSetup,
  done: (result: WorkerResult) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = () => {
      const deb = queue.shift();
      if (deb === undefined) resolve();
      else worker.send(deb);
    };
    worker.on('error', reject);
    worker.on('exit', (code) => reject(new Error(`a conversion process ended early with exit code ${code}`)));
    worker.on('message', (result: WorkerResult) => {
      if (result.error !== undefined) return reject(new Error(`${result.deb}: ${result.error}`));
      done(result);
      next();
    });
    worker.send(setup);
    next();
  });
}
