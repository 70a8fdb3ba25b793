import { randomBytes } from 'node:crypto';
import { rename, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../../lib/clock.ts';
import { toTimestamp } from '../../../lib/clock.ts';
import type { Logger } from '../../../lib/log.ts';
import type { ProjectRepositories, RepositoryRequest } from '../../../lib/protocol/publisher.ts';
import { SOURCE_CHROOT } from '../../../lib/protocol/task.ts';
import { badRequest, describeError } from '../api-error.ts';
import {
  errorCode,
  ifThere,
  makeDirectory,
  removeFile,
  removeTree,
  sweepTemporary,
  writeFileAtomic,
  writeFileIfChanged,
} from '../durable.ts';
import type { TaskStore } from '../ingest/task-store.ts';
import { KeyedLock } from '../locks.ts';
import { chrootName, type Paths, type ProjectName } from '../paths.ts';
import type { RepositoryEngine } from '../repository/engine.ts';
import type { ProjectSigner } from '../signer.ts';
import { writeCertificate } from './certificate.ts';
import { nameReleaseOf, repoFileName, repoFileText, repoFileURL } from './repo-file.ts';

export interface ProjectsOptions {
  paths: Paths;
  clock: Clock;
  log: Logger;
  signer: ProjectSigner;
  engine: RepositoryEngine;
  tasks: TaskStore;
  resultsURL: string;
  frontendURL: string;
}

/** The tree of a project: directories, key, `.repo` files, and a signed repository in every chroot from the first moment. */
export class Projects {
  readonly #options: ProjectsOptions;
  readonly #locks = new KeyedLock();

  constructor(options: ProjectsOptions) {
    this.#options = options;
  }

  /** Makes what is missing and changes what differs; otherwise reads a few small files. Chroots not asked for keep what they have. */
  ensure(name: ProjectName, request: RepositoryRequest): Promise<ProjectRepositories> {
    return this.#locks.run(keyOf(name), async () => {
      const { paths, signer, engine, resultsURL, frontendURL } = this.#options;
      const chroots = request.chroots.map((chroot) => chrootName(name.owner, name.project, chroot.name));
      if (chroots.some((each) => each.chroot === SOURCE_CHROOT)) {
        throw badRequest('InvalidName', `"${SOURCE_CHROOT}" is the directory of source builds and cannot be a chroot`);
      }
      await removeFile(paths.tombstone(name));
      for (const each of chroots) await makeDirectory(paths.chroot(each));
      await makeDirectory(paths.project(name));
      await sweepTemporary(paths.project(name));
      const { fingerprint } = await writeCertificate(paths, signer, name);
      await this.#writeRepoFiles(name, request);
      const states = await Promise.all(chroots.map((each) => engine.update(each, { add: [], remove: [] })));
      return {
        state: 'done',
        publicKeyFingerprint: fingerprint,
        publicKeyURL: `${resultsURL}/${name.owner}/${name.project}/pubkey.gpg`,
        chroots: chroots.map((each, n) => ({
          name: each.chroot,
          generation: states[n]?.generation ?? 0,
          packages: states[n]?.packages ?? 0,
          repoURL: `${resultsURL}/${name.owner}/${name.project}/${each.chroot}/`,
          repoFileURL: repoFileURL(frontendURL, name, nameReleaseOf(each.chroot)),
        })),
      };
    });
  }

  async #writeRepoFiles(name: ProjectName, request: RepositoryRequest): Promise<void> {
    const { paths, resultsURL, frontendURL } = this.#options;
    const releases = new Set(request.chroots.map((chroot) => nameReleaseOf(chroot.name)));
    for (const nameRelease of releases) {
      const path = join(paths.project(name), 'repo', nameRelease, repoFileName(name, nameRelease));
      const text = repoFileText({ ...name, nameRelease, resultsURL, frontendURL, options: request.repoFile });
      await makeDirectory(dirname(path));
      await writeFileIfChanged(path, text);
    }
  }

  /** Removes the project from sight at once and from the disk soon. Its running tasks are refused from now on. */
  delete(name: ProjectName): Promise<void> {
    return this.#locks.run(keyOf(name), async () => {
      const { paths, clock, log, tasks } = this.#options;
      await makeDirectory(dirname(paths.tombstone(name)));
      await writeFileAtomic(paths.tombstone(name), `deleted ${toTimestamp(clock.now())}\n`);
      tasks.forgetOwners();
      const trash = join(paths.trash, randomBytes(8).toString('hex'));
      if ((await ifThere(rename(paths.project(name), trash).then(() => true))) === undefined) return;
      await rmdir(dirname(paths.project(name))).catch((error: unknown) => {
        if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errorCode(error) ?? '')) throw error;
      });
      log.info({ ...name }, 'project is deleted');
      removeTree(trash).catch((error: unknown) => log.warn(describeError(error), 'trash is left for the next start'));
    });
  }
}

function keyOf(name: ProjectName): string {
  return `${name.owner}/${name.project}`;
}
