import type { Clock } from '../../../lib/clock.ts';
import { errorMessage } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/log.ts';
import { ApiError } from '../api-error.ts';
import { exists } from '../durable.ts';
import type { Metrics } from '../metrics.ts';
import { type ChrootName, chrootName, type Paths, type ProjectName } from '../paths.ts';
import {
  type BuiltGeneration,
  buildGeneration,
  canRead,
  type GenerationPlan,
  type GenerationTools,
  removeOldGenerations,
} from './build-generation.ts';
import { CreaterepoError } from './createrepo.ts';
import { readGeneration } from './generation.ts';
import { MergingQueue, type Outcome } from './merging-queue.ts';
import { changeList } from './package-list.ts';
import { scanPackages, statPackages } from './scan.ts';

/** Requests answered by one run at most, as in Copr. */
const MAX_BATCH = 100;
const KEEP_OLD_METADATA_MS = 3_600_000;

/** Paths are relative to the chroot directory: `00000001-hello/hello-2.12-1.x86_64.rpm`. */
export interface RepositoryChange {
  add: readonly string[];
  remove: readonly string[];
}

export interface RepositoryState {
  generation: number;
  packages: number;
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
  /** Default one hour. */
  keepOldMetadataMs?: number;
  /** Path of createrepo_c; by default the one that is installed. */
  createrepo?: string;
}

/** Only what a caller needs: lists and file names of large repositories are not kept alive by answers. */
function stateOf({ generation, packages }: RepositoryState): RepositoryState {
  return { generation, packages };
}

function merge(requests: readonly RepositoryChange[]): RepositoryChange {
  return { add: requests.flatMap((each) => each.add), remove: requests.flatMap((each) => each.remove) };
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
  readonly #queue: MergingQueue<RepositoryChange, RepositoryState>;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#queue = new MergingQueue({
      run: (key, requests) => this.#run(key, requests),
      concurrency: options.concurrency,
      maxBatch: MAX_BATCH,
    });
  }

  /**
   * Makes the change and resolves with a generation that has it. An empty change makes sure that there is a generation at all.
   * Throws UnreadablePackagesError when the packages to add are at fault, ApiError 410 when the chroot directory is gone.
   */
  update(name: ChrootName, change: RepositoryChange): Promise<RepositoryState> {
    return this.#queue.push(JSON.stringify([name.owner, name.project, name.chroot]), change);
  }

  /** Resolves when no update is waiting or running. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  async #run(key: string, requests: readonly RepositoryChange[]): Promise<Outcome<RepositoryState>[]> {
    const [owner = '', project = '', chroot = ''] = JSON.parse(key) as string[];
    const name = chrootName(owner, project, chroot);
    const { metrics, log } = this.#options;
    metrics.createrepoBatchSize.observe(requests.length);
    try {
      const result = await this.#apply(name, merge(requests));
      return requests.map(() => ({ result: stateOf(result) }));
    } catch (error) {
      metrics.createrepoFailures.inc();
      if (!isUnreadable(error)) throw error;
      log.warn({ ...name, error: errorMessage(error) }, 'repository is made anew from the disk');
      return this.#recover(name, requests, errorMessage(error));
    }
  }

  /** Makes the repository of everything on the disk that can be read, and tells whose packages cannot. */
  async #recover(
    name: ChrootName,
    requests: readonly RepositoryChange[],
    reason: string,
  ): Promise<Outcome<RepositoryState>[]> {
    const directory = this.#options.paths.chroot(name);
    const { remove } = merge(requests);
    const butNot = (await readGeneration(directory))?.list ?? new Map();
    const { list } = changeList(await scanPackages(directory), new Map(), remove);
    try {
      const built = await this.#build(name, 'full', { from: undefined, list, trusted: false, tolerant: { butNot } });
      const { generation, packages } = built;
      return requests.map(({ add }) =>
        add.every((path) => built.list.has(path))
          ? { result: { generation, packages } }
          : { error: new UnreadablePackagesError(reason) },
      );
    } catch (error) {
      if (!isUnreadable(error)) throw error;
    }
    // It did not even survive: then each request is tried alone.
    const outcomes: Outcome<RepositoryState>[] = [];
    for (const request of requests) {
      const add = new Set(request.add);
      const others = requests.flatMap((each) => each.add).filter((path) => !add.has(path));
      outcomes.push(await this.#alone(name, request, others));
    }
    return outcomes;
  }

  /** Tries one request while the files of others, which may be bad, are on the disk. */
  async #alone(
    name: ChrootName,
    request: RepositoryChange,
    others: readonly string[],
  ): Promise<Outcome<RepositoryState>> {
    try {
      return { result: stateOf(await this.#apply(name, request, others)) };
    } catch (error) {
      const guilty = isUnreadable(error) && !(await this.#canRead(name, request.add));
      return { error: guilty ? new UnreadablePackagesError(errorMessage(error)) : error };
    }
  }

  async #canRead(name: ChrootName, paths: readonly string[]): Promise<boolean> {
    const directory = this.#options.paths.chroot(name);
    return canRead(directory, await statPackages(directory, paths), this.#tools(name));
  }

  async #apply(name: ChrootName, change: RepositoryChange, without: readonly string[] = []): Promise<RepositoryState> {
    const directory = this.#options.paths.chroot(name);
    if (!(await exists(directory))) {
      throw new ApiError(410, 'ProjectDeleted', `${name.owner}/${name.project} has no directory for ${name.chroot}`);
    }
    const current = await readGeneration(directory);
    const add = await statPackages(directory, change.add);
    if (current === undefined) {
      const { list } = changeList(await scanPackages(directory), add, [...change.remove, ...without]);
      return this.#build(name, 'full', { from: undefined, list, trusted: false });
    }
    const { list, changed, replaced } = changeList(current.list, add, change.remove);
    if (!changed) return current;
    return this.#build(name, 'incremental', { from: current, list, trusted: replaced.length === 0 });
  }

  async #build(
    name: ChrootName,
    mode: 'full' | 'incremental',
    plan: Omit<GenerationPlan, 'chrootDirectory'>,
  ): Promise<BuiltGeneration> {
    const { paths, clock, log, metrics } = this.#options;
    const chrootDirectory = paths.chroot(name);
    const started = clock.monotonic();
    const built = await buildGeneration({ ...plan, chrootDirectory }, this.#tools(name));
    await removeOldGenerations(chrootDirectory, built.generation);
    const seconds = (clock.monotonic() - started) / 1000;
    metrics.createrepoSeconds.observe({ mode }, seconds);
    metrics.repoPackages.observe(built.packages);
    const { generation, packages } = built;
    log.info({ ...name, mode, generation, packages, seconds }, 'repository is updated');
    return built;
  }

  #tools(name: ChrootName): GenerationTools {
    const { paths, clock, signer, workers, createrepo, keepOldMetadataMs = KEEP_OLD_METADATA_MS } = this.#options;
    return {
      work: paths.work,
      workers,
      ...(createrepo === undefined ? {} : { createrepo }),
      keepOldMs: keepOldMetadataMs,
      now: () => clock.now(),
      sign: async (repomd) => ({
        signature: await signer.sign(name, repomd),
        certificate: await signer.certificate(name),
      }),
    };
  }
}
