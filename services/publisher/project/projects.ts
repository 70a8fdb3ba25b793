import { randomBytes } from 'node:crypto';
import { rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../../lib/clock.ts';
import { toTimestamp } from '../../../lib/clock.ts';
import {
  exists,
  makeDirectory,
  removeFile,
  sweepTemporary,
  syncDirectory,
  writeFileAtomic,
  writeFileIfChanged,
} from '../../../lib/durable.ts';
import { hasCode } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/log.ts';
import type { ProjectRepositories, RepositoryRequest } from '../../../lib/protocol/publisher.ts';
import { SOURCE_CHROOT } from '../../../lib/protocol/task.ts';
import { nameReleaseOf, REPO_FILE, repoFileText, repoFileURL } from '../../../lib/repo-file/repo-file.ts';
import { badRequest } from '../api-error.ts';
import type { TaskStore } from '../ingest/task-store.ts';
import { type ChrootName, chrootName, type Paths, type ProjectName } from '../paths.ts';
import { writeComps } from '../repository/comps.ts';
import type { RepositoryEngine } from '../repository/engine.ts';
import type { Certificate, ProjectSigner } from '../signer.ts';
import { throwAway } from '../trash.ts';
import { writeCertificate } from './certificate.ts';
import { directoriesOf } from './directories.ts';
import { isDirectory, type ProjectGate, projectDeleted, type Visit } from './gate.ts';
import { type ProjectSettings, readSettings, writeSettings } from './settings.ts';

export interface ProjectsOptions {
  paths: Paths;
  gate: ProjectGate;
  clock: Clock;
  log: Logger;
  signer: Pick<ProjectSigner, 'certificate'>;
  engine: RepositoryEngine;
  tasks: TaskStore;
  resultsURL: string;
  frontendURL: string;
}

/** The tree of a project: directories, key, `.repo` files, and a signed repository in every chroot from the first moment. */
export class Projects {
  readonly #options: ProjectsOptions;

  constructor(options: ProjectsOptions) {
    this.#options = options;
  }

  /**
   * Makes what is missing and changes what differs; otherwise reads a few small files. Chroots not asked for keep what they have.
   * Throws ApiError 410 `ProjectDeleted` when the project is deleted meanwhile.
   */
  async ensure(name: ProjectName, request: RepositoryRequest): Promise<ProjectRepositories> {
    const { gate, signer, engine, resultsURL, frontendURL } = this.#options;
    const chroots = request.chroots.map((chroot) => chrootName(name.owner, name.project, chroot.name));
    if (chroots.some((each) => each.chroot === SOURCE_CHROOT)) {
      throw badRequest('InvalidName', `"${SOURCE_CHROOT}" is the directory of source builds and cannot be a chroot`);
    }
    // Before the wait for keygen, which may take long: a deletion asked for meanwhile is the later wish.
    const begun = gate.visit(name);
    const certificate = await signer.certificate(name);
    const { visit, settings } = await gate.alone(name, async () => {
      if (gate.isOver(begun)) throw projectDeleted(name);
      return this.#make(name, chroots, request, certificate);
    });
    const { regenerate } = request;
    const due = regenerate === undefined || settings.regenerated === regenerate ? {} : { regenerate };
    const nothing = { add: [], remove: [] };
    const states = await Promise.all(chroots.map((each) => engine.update(each, { ...nothing, ...due }, visit)));
    if (settings.develMode) await Promise.all(chroots.map((each) => engine.update(each, nothing, visit, 'devel')));
    if (regenerate !== undefined && settings.regenerated !== regenerate)
      await gate.run(visit, () => this.#remember(name, { regenerated: regenerate }));
    return {
      state: 'done',
      publicKeyFingerprint: certificate.fingerprint,
      publicKeyURL: `${resultsURL}/${name.owner}/${name.project}/pubkey.gpg`,
      chroots: chroots.map((each, n) => ({
        name: each.chroot,
        generation: states[n]?.generation ?? 0,
        packages: states[n]?.packages ?? 0,
        repoURL: `${resultsURL}/${name.owner}/${name.project}/${each.chroot}/`,
        repoFileURL: repoFileURL(frontendURL, name, nameReleaseOf(each.chroot)),
        ...(settings.develMode
          ? { develURL: `${resultsURL}/${name.owner}/${name.project}/${each.chroot}/devel/` }
          : {}),
      })),
      ...(regenerate === undefined ? {} : { regenerated: regenerate }),
    };
  }

  async #make(
    name: ProjectName,
    chroots: readonly ChrootName[],
    request: RepositoryRequest,
    certificate: Certificate,
  ): Promise<{ visit: Visit; settings: ProjectSettings }> {
    const { paths, gate } = this.#options;
    // A directory can only come after its project: else it would be one that the deletion has not seen.
    if (isDirectory(name)) await gate.checkMain(name);
    if (await exists(paths.tombstone(name))) {
      // A deletion that died on its way: what it has left is not the new project's. It does not end visits once more, for others that
      // make the project at the same time would take that for a deletion asked for after them.
      await this.#takeAway(name);
      await removeFile(paths.tombstone(name));
      await syncDirectory(dirname(paths.tombstone(name)));
    }
    for (const each of chroots) await makeDirectory(paths.chroot(each));
    await makeDirectory(paths.project(name));
    await sweepTemporary(paths.project(name));
    await writeCertificate(paths, name, certificate);
    await this.#writeRepoFiles(name, request);
    for (const [n, each] of chroots.entries()) await writeComps(paths.chroot(each), request.chroots[n]?.comps);
    const { develMode = false } = request;
    const before = await readSettings(paths, name);
    const begins = develMode && !before.develMode;
    const period = begins ? { period: randomBytes(8).toString('hex') } : {};
    const settings = await this.#remember(name, { develMode, ...period });
    return { visit: gate.visit(name), settings };
  }

  /** To be called alone in the project. */
  async #remember(name: ProjectName, change: Partial<ProjectSettings>): Promise<ProjectSettings> {
    const { paths } = this.#options;
    const before = await readSettings(paths, name);
    const settings = { ...before, ...change };
    if (JSON.stringify(settings) !== JSON.stringify(before)) await writeSettings(paths, name, settings);
    return settings;
  }

  /** Each stands below its release and, as clients may name a chroot there as well, below its chroots. */
  async #writeRepoFiles(name: ProjectName, request: RepositoryRequest): Promise<void> {
    const { paths, resultsURL, frontendURL } = this.#options;
    const releases = request.chroots.map((chroot) => nameReleaseOf(chroot.name));
    const places = new Map(request.chroots.map((chroot) => [chroot.name, nameReleaseOf(chroot.name)]));
    for (const nameRelease of releases) places.set(nameRelease, nameRelease);
    for (const [place, nameRelease] of places) {
      const path = join(paths.project(name), 'repo', place, REPO_FILE);
      const text = repoFileText({ ...name, nameRelease, resultsURL, frontendURL, options: request.repoFile });
      await makeDirectory(dirname(path));
      await writeFileIfChanged(path, text);
    }
  }

  /**
   * Removes the project with all its directories from sight at once and from the disk soon, or one directory when that is named. Its
   * running tasks and publications are refused from now on.
   */
  delete(name: ProjectName): Promise<void> {
    const { paths, gate, clock, log } = this.#options;
    return gate.alone(name, async () => {
      try {
        await makeDirectory(dirname(paths.tombstone(name)));
        await writeFileAtomic(paths.tombstone(name), `deleted ${toTimestamp(clock.now())}\n`);
      } finally {
        // Also when that failed, for the tombstone may be there all the same, and who makes the project anew ends no visit.
        gate.end(name);
      }
      if (await this.#takeAway(name)) log.info({ ...name }, 'project is deleted');
    });
  }

  /** Returns whether there was anything. To be called alone in the project, and only while its tombstone stands. */
  async #takeAway(name: ProjectName): Promise<boolean> {
    const { paths, log, tasks } = this.#options;
    tasks.forgetOwners();
    const names = await directoriesOf(paths, name);
    for (const each of names) {
      await tasks.forgetTree(paths.project(each));
      await throwAway(paths, paths.project(each), log);
    }
    const owner = dirname(paths.project(name));
    await rmdir(owner).catch((error: unknown) => {
      if (!hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error;
    });
    return names.length > 0;
  }
}
