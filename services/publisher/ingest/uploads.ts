import { createHash } from 'node:crypto';
import { open, readdir, rename, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { ifThere, makeDirectory, removeFile, syncDirectory, temporaryName } from '../../../lib/durable.ts';
import { hasCode } from '../../../lib/errors.ts';
import { resultFile } from '../../../lib/protocol/publisher.ts';
import { ApiError, badRequest, diskFull } from '../api-error.ts';
import type { Metrics } from '../metrics.ts';
import type { Paths } from '../paths.ts';
import type { AdmittedTask, TaskStore } from './task-store.ts';

const MAX_FILES = 2000;

export interface UploadOptions {
  paths: Paths;
  tasks: TaskStore;
  metrics: Metrics;
  maxFileBytes: number;
  maxTaskBytes: number;
  /** Free space below which nothing is taken in. */
  minFreeBytes: number;
}

/**
 * Files of a task on their way in. They are stored under their SHA-256, so that sending one again is a no-op and the
 * manifest alone decides which name means which content.
 */
export class Uploads {
  readonly #options: UploadOptions;
  /** Bytes that are arriving right now, per task. */
  readonly #arriving = new Map<string, number>();

  constructor(options: UploadOptions) {
    this.#options = options;
  }

  /**
   * Returns the size in bytes. Throws ApiError 4xx when the content may not come in, of these 410 when the task was given up or its
   * project deleted, also while the file was on its way; 507 when there is no room.
   */
  async receive(admitted: AdmittedTask, name: string, sha256: string, body: Readable): Promise<number> {
    const { task } = admitted;
    const { tasks, metrics } = this.#options;
    if (!resultFile.shape.name.safeParse(name).success) {
      throw badRequest('InvalidName', `"${name.slice(0, 100)}" is not a name a result file may have`);
    }
    if (!resultFile.shape.sha256.safeParse(sha256).success) {
      throw badRequest(
        'InvalidRequest',
        'the header x-kopr-sha256 must be the SHA-256 of the file, 64 hexadecimal digits',
      );
    }
    const target = tasks.blobPath(task, sha256);
    const there = await tasks.whileOpen(admitted, async () => {
      const found = await ifThere(stat(target));
      if (found === undefined) await makeDirectory(dirname(target));
      return found;
    });
    if (there !== undefined) {
      body.resume();
      return there.size;
    }
    const temporary = temporaryName(target);
    try {
      const size = await this.#store(task, name, sha256, body, temporary);
      await tasks.whileOpen(admitted, () => rename(temporary, target));
      await syncDirectory(dirname(target));
      metrics.uploadedBytes.inc({ kind: 'file' }, size);
      return size;
    } catch (error) {
      // A deletion takes the directory away from under the upload; whoever sends must learn that trying again is in vain.
      if (hasCode(error, 'ENOENT')) await tasks.whileOpen(admitted, async () => undefined);
      throw error;
    } finally {
      await removeFile(temporary);
    }
  }

  async #store(task: string, name: string, sha256: string, body: Readable, path: string): Promise<number> {
    const { maxFileBytes, maxTaskBytes } = this.#options;
    await this.#checkRoom();
    const stored = await this.#storedBytes(task);
    const hash = createHash('sha256');
    let size = 0;
    try {
      await using file = await open(path, 'wx', 0o644);
      // The request must outlive an error thrown here: it carries the answer.
      for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        size += chunk.length;
        this.#arriving.set(task, (this.#arriving.get(task) ?? 0) + chunk.length);
        if (size > maxFileBytes) throw tooLarge(`the file ${name} is larger than ${maxFileBytes} bytes`);
        if (stored + (this.#arriving.get(task) ?? 0) > maxTaskBytes) {
          throw tooLarge(`the results of this build are larger than ${maxTaskBytes} bytes`);
        }
        hash.update(chunk);
        for (let done = 0; done < chunk.length; ) done += (await file.write(chunk, done)).bytesWritten;
      }
      if (hash.digest('hex') !== sha256) {
        throw new ApiError(
          400,
          'WrongChecksum',
          `the file ${name} arrived with another SHA-256 than announced; send it again`,
        );
      }
      await file.sync();
      return size;
    } finally {
      const left = (this.#arriving.get(task) ?? 0) - size;
      if (left > 0) this.#arriving.set(task, left);
      else this.#arriving.delete(task);
    }
  }

  async #checkRoom(): Promise<void> {
    const { paths, minFreeBytes } = this.#options;
    const volume = await statfs(paths.staging);
    if (volume.bavail * volume.bsize < minFreeBytes) throw diskFull();
  }

  /** Bytes of the files that have arrived. Throws ApiError when there are as many as a manifest may list. */
  async #storedBytes(task: string): Promise<number> {
    const directory = dirname(this.#options.tasks.blobPath(task, 'x'));
    const names = ((await ifThere(readdir(directory))) ?? []).filter((name) => !name.startsWith('.'));
    if (names.length >= MAX_FILES) throw tooLarge(`the results of this build are more than ${MAX_FILES} files`);
    let bytes = 0;
    for (const name of names) bytes += (await ifThere(stat(join(directory, name))))?.size ?? 0;
    return bytes;
  }
}

function tooLarge(message: string): ApiError {
  return new ApiError(413, 'TooLarge', message);
}
