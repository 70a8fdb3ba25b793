import type { Clock } from '../../../lib/clock.ts';
import { errorMessage } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/log.ts';
import { ApiError } from '../api-error.ts';
import { exists } from '../durable.ts';
import type { Metrics } from '../metrics.ts';
import { type ChrootName, chrootName, type Paths, type ProjectName } from '../paths.ts';
import { buildGeneration, type GenerationTools, removeOldGenerations } from './build-generation.ts';
import { CreaterepoError } from './createrepo.ts';
import { type Generation, type GenerationState, readGeneration } from './generation.ts';
import { MergingQueue } from './merging-queue.ts';
import { changeList, type PackageList } from './package-list.ts';
import { scanPackages, statPackages } from './scan.ts';

/** Requests answered by one run at most, as in Copr. */
const MAX_BATCH = 100;
const KEEP_OLD_METADATA_MS = 3_600_000;

/** Paths are relative to the chroot directory: `00000001-hello/hello-2.12-1.x86_64.rpm`. */
export interface RepositoryChange {
  add: readonly string[];
  remove: readonly string[];
}

export interface EngineOptions {
  paths: Paths;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  signer: {
    sign(project: ProjectName, data: Buffer): Promise<string>;
    certificate(project: ProjectName): Promise<string>;
  };
  /** createrepo_c runs at once, and threads of each. */
  concurrency: number;
  workers: number;
  keepOldMetadataMs?: number;
}

function isUnreadable(error: unknown): boolean {
  return error instanceof CreaterepoError && error.unreadable;
}

/** The packages of one request cannot be read by createrepo_c; everything else in the repository is fine. */
export class UnreadablePackagesError extends Error {}

/**
 * Keeps the metadata of all repositories. Changes of one repository that arrive while it is being updated are made together by the
 * next run. What a repository holds is read from its current generation, or from the disk when there is any doubt.
 */
export class RepositoryEngine {
  readonly #options: EngineOptions;
  readonly #queue: MergingQueue<RepositoryChange, GenerationState>;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#queue = new MergingQueue({
      run: (key, requests) => this.#run(key, requests),
      concurrency: options.concurrency,
      maxBatch: MAX_BATCH,
      isolates: isUnreadable,
    });
  }

  /**
   * Makes the change and resolves with a generation that has it. An empty change makes sure that there is a generation at all.
   * Throws UnreadablePackagesError when the packages to add are at fault, ApiError 410 when the chroot directory is gone.
   */
  update(name: ChrootName, change: RepositoryChange): Promise<GenerationState> {
    return this.#queue.push(JSON.stringify([name.owner, name.project, name.chroot]), change);
  }

  /** Resolves when no update is waiting or running. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  async #run(key: string, requests: readonly RepositoryChange[]): Promise<GenerationState> {
    const [owner = '', project = '', chroot = ''] = JSON.parse(key) as string[];
    const name = chrootName(owner, project, chroot);
    this.#options.metrics.createrepoBatchSize.observe(requests.length);
    const change = { add: requests.flatMap((each) => each.add), remove: requests.flatMap((each) => each.remove) };
    try {
      return await this.#apply(name, change);
    } catch (error) {
      // Of several requests each is tried alone by the queue; of one it is clear whose packages are to be looked at.
      if (!isUnreadable(error) || requests.length > 1) throw error;
      await this.#rebuildWithout(name, change.add);
      throw new UnreadablePackagesError(errorMessage(error));
    }
  }

  /** Makes the repository of everything else. When that fails too, the packages are not to blame, and the error says so. */
  async #rebuildWithout(name: ChrootName, paths: readonly string[]): Promise<void> {
    const { list } = changeList(await scanPackages(this.#options.paths.chroot(name)), new Map(), paths);
    await this.#build(name, 'full', undefined, list, false);
  }

  async #apply(name: ChrootName, change: RepositoryChange): Promise<GenerationState> {
    const directory = this.#options.paths.chroot(name);
    if (!(await exists(directory))) {
      throw new ApiError(410, 'ProjectDeleted', `${name.owner}/${name.project} has no directory for ${name.chroot}`);
    }
    const current = await readGeneration(directory);
    const add = await statPackages(directory, change.add);
    if (current === undefined) return this.#build(name, 'full', undefined, await scanPackages(directory), false);
    const { list, changed, replaced } = changeList(current.list, add, change.remove);
    if (!changed) return current;
    return this.#build(name, 'incremental', current, list, replaced.length === 0);
  }

  async #build(
    name: ChrootName,
    mode: 'full' | 'incremental',
    from: Generation | undefined,
    list: PackageList,
    trusted: boolean,
  ): Promise<GenerationState> {
    const { paths, clock, log, metrics } = this.#options;
    const chrootDirectory = paths.chroot(name);
    const started = clock.monotonic();
    const state = await buildGeneration({ chrootDirectory, from, list, trusted }, this.#tools(name));
    await removeOldGenerations(chrootDirectory, state.generation);
    const seconds = (clock.monotonic() - started) / 1000;
    metrics.createrepoSeconds.observe({ mode }, seconds);
    metrics.repoPackages.observe(state.packages);
    log.info(
      { ...name, mode, generation: state.generation, packages: state.packages, seconds },
      'repository is updated',
    );
    return state;
  }

  #tools(name: ChrootName): GenerationTools {
    const { paths, clock, signer, workers, keepOldMetadataMs = KEEP_OLD_METADATA_MS } = this.#options;
    return {
      work: paths.work,
      workers,
      keepOldMs: keepOldMetadataMs,
      now: () => clock.now(),
      sign: async (repomd) => ({
        signature: await signer.sign(name, repomd),
        certificate: await signer.certificate(name),
      }),
    };
  }
}
