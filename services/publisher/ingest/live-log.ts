import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ifThere, makeDirectory } from '../../../lib/durable.ts';
import { ApiError, badRequest } from '../api-error.ts';
import type { Metrics } from '../metrics.ts';
import { type Paths, relativePath } from '../paths.ts';
import type { ProjectGate } from '../project/gate.ts';
import type { LiveLogStream } from './live-log-stream.ts';
import type { AdmittedTask, TaskStore } from './task-store.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,59}\.log$/;

export interface LiveLogOptions {
  paths: Paths;
  gate: ProjectGate;
  tasks: TaskStore;
  metrics: Metrics;
  maxBytes: number;
  /** Told of every piece that is stored. */
  stream?: Pick<LiveLogStream, 'offer'> | undefined;
}

/**
 * Logs that grow in the results directory while the build runs, where the web server shows them at once.
 * The copy has neither gap nor repetition: bytes it has already are skipped, bytes beyond its end are refused with its size.
 */
export class LiveLogs {
  readonly #options: LiveLogOptions;

  constructor(options: LiveLogOptions) {
    this.#options = options;
  }

  /** Returns the size that is kept, in bytes. It stays at the cap once that is reached. Throws ApiError 409 with `size`. */
  async append(admitted: AdmittedTask, name: string, offset: number, data: Buffer): Promise<number> {
    if (!NAME.test(name)) throw badRequest('InvalidName', `"${name.slice(0, 100)}" is not the name of a log`);
    const { paths, gate, tasks, metrics, maxBytes, stream } = this.#options;
    const { task, directory, visit } = admitted;
    return tasks.locks.run(task, async () => {
      await gate.check(visit);
      const path = join(paths.result(directory), name);
      const stored = (await ifThere(stat(path)))?.size ?? 0;
      const size = Math.min(stored, maxBytes);
      if (await tasks.isComplete(task)) {
        throw new ApiError(409, 'TaskComplete', `the task ${task} is complete; its log is closed`, { size });
      }
      if (offset > size) {
        throw new ApiError(409, 'WrongOffset', `the log ${name} ends at byte ${size}; send from there`, { size });
      }
      const fresh = data.subarray(size - offset);
      if (fresh.length === 0 || stored > maxBytes) return size;
      const kept = fresh.subarray(0, maxBytes - size);
      const piece = kept.length < fresh.length ? Buffer.concat([kept, note(maxBytes)]) : kept;
      await gate.run(visit, async () => {
        await tasks.checkOwner(task, directory);
        await makeDirectory(paths.upload(task));
        await write(path, size, piece);
      });
      stream?.offer(`${relativePath(directory)}/${name}`, task, size, piece);
      metrics.uploadedBytes.inc({ kind: 'log' }, kept.length);
      return size + kept.length;
    });
  }
}

/** Stands behind the cap, so that a file longer than the cap is one that has been cut. */
function note(maxBytes: number): Buffer {
  return Buffer.from(`\n--- this log is longer than ${maxBytes} bytes; the rest was not kept ---\n`);
}

async function write(path: string, position: number, data: Buffer): Promise<void> {
  await using file = await open(path, 'a', 0o644);
  // The file may end in a part of the note, or in a part of a write that was cut short: what counts is `position`.
  await file.truncate(position);
  for (let done = 0; done < data.length; ) done += (await file.write(data, done)).bytesWritten;
}
