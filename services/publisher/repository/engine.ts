import type { Clock } from '../../../lib/clock.ts';
import { exists } from '../../../lib/durable.ts';
import { errorMessage } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/log.ts';
import { ApiError } from '../api-error.ts';
import type { Metrics } from '../metrics.ts';
import type { ChrootName, Paths, ProjectName } from '../paths.ts';
import { type ProjectGate, projectDeleted, type Visit } from '../project/gate.ts';
import { readSettings } from '../project/settings.ts';
import type { RemovedBuilds } from '../removal/removed-builds.ts';
import {
  type BuiltGeneration,
  buildGeneration,
  canRead,
  type GenerationPlan,
  type GenerationTools,
} from './build-generation.ts';
import { mergeChanges, type RepositoryChange, type RepositoryKind, repositoryDirectory } from './change.ts';
import { type Circumstances, contentsOnDisk, nextContents } from './contents.ts';
import { CreaterepoError } from './createrepo.ts';
import { readGeneration } from './generation.ts';
import { MergingQueue, type Outcome } from './merging-queue.ts';
import { changeList } from './package-list.ts';
import { statPackages } from './scan.ts';
import { keyOf, type Target, targetOf } from './target.ts';

/** Requests answered by one run at most, as in Copr. */
const MAX_BATCH = 100;
const KEEP_OLD_METADATA_MS = 3_600_000;

export interface RepositoryState {
  generation: number;
  packages: number;
}

export interface EngineOptions {
  paths: Paths;
  gate: ProjectGate;
  removed: RemovedBuilds;
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
   * Throws UnreadablePackagesError when the packages to add are at fault, ApiError 410 when the chroot directory is gone or the project
   * was deleted since `visit`: then nothing of the change is shown, not even in a new project of that name.
   */
  update(
    name: ChrootName,
    change: RepositoryChange,
    visit: Visit,
    kind: RepositoryKind = 'public',
  ): Promise<RepositoryState> {
    return this.#queue.push(keyOf(name, visit, kind), change);
  }

  /** Resolves when no update is waiting or running. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  async #run(key: string, requests: readonly RepositoryChange[]): Promise<Outcome<RepositoryState>[]> {
    const target = targetOf(key);
    const { gate, metrics, log } = this.#options;
    metrics.createrepoBatchSize.observe(requests.length);
    try {
      await gate.check(target.visit);
      const result = await this.#apply(target, mergeChanges(requests));
      return requests.map(() => ({ result: stateOf(result) }));
    } catch (error) {
      if (error instanceof ApiError) throw error;
      // A deletion takes files away from under a run, which shows as errors of any kind.
      if (gate.isOver(target.visit)) throw projectDeleted(target.visit);
      metrics.createrepoFailures.inc();
      if (!isUnreadable(error)) throw error;
      const { name, kind } = target;
      log.warn({ ...name, kind, error: errorMessage(error) }, 'repository is made anew from the disk');
      return this.#recover(target, requests, errorMessage(error));
    }
  }

  /** Makes the repository of everything on the disk that can be read, and tells whose packages cannot. */
  async #recover(
    target: Target,
    requests: readonly RepositoryChange[],
    reason: string,
  ): Promise<Outcome<RepositoryState>[]> {
    const directory = this.#options.paths.chroot(target.name);
    const circumstances = await this.#circumstances(target);
    const current = await readGeneration(repositoryDirectory(directory, target.kind));
    const butNot = current?.list ?? new Map();
    const change = mergeChanges(requests);
    const { comps, marks } = await nextContents(current, change, circumstances);
    const list = await contentsOnDisk(change, circumstances);
    try {
      const built = await this.#build(target, 'full', {
        comps,
        marks,
        from: undefined,
        list,
        trusted: false,
        tolerant: { butNot },
      });
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
      outcomes.push(await this.#alone(target, request, others));
    }
    return outcomes;
  }

  /** Tries one request while the files of others, which may be bad, are on the disk. */
  async #alone(
    target: Target,
    request: RepositoryChange,
    others: readonly string[],
  ): Promise<Outcome<RepositoryState>> {
    try {
      return { result: stateOf(await this.#apply(target, request, others)) };
    } catch (error) {
      const guilty = isUnreadable(error) && !(await this.#canRead(target, request.add));
      return { error: guilty ? new UnreadablePackagesError(errorMessage(error)) : error };
    }
  }

  async #canRead(target: Target, paths: readonly string[]): Promise<boolean> {
    const directory = this.#options.paths.chroot(target.name);
    return canRead(directory, await statPackages(directory, paths), this.#tools(target));
  }

  async #apply(target: Target, change: RepositoryChange, without: readonly string[] = []): Promise<RepositoryState> {
    const { name, kind } = target;
    const directory = this.#options.paths.chroot(name);
    if (!(await exists(directory))) {
      throw new ApiError(410, 'ProjectDeleted', `${name.owner}/${name.project} has no directory for ${name.chroot}`);
    }
    const current = await readGeneration(repositoryDirectory(directory, kind));
    const contents = await nextContents(current, change, await this.#circumstances(target));
    const { comps, marks, trusted } = contents;
    if (current !== undefined && !contents.changed) return current;
    const { list } = changeList(contents.list, new Map(), current === undefined ? without : []);
    const mode = current === undefined || contents.anew ? 'full' : 'incremental';
    return this.#build(target, mode, { comps, marks, from: current, anew: contents.anew, list, trusted });
  }

  async #circumstances({ name, kind }: Target): Promise<Circumstances> {
    const { paths, removed } = this.#options;
    const [settings, builds] = await Promise.all([readSettings(paths, name), removed.of(name)]);
    return { chrootDirectory: paths.chroot(name), kind, settings, removed: builds };
  }

  async #build(
    target: Target,
    mode: 'full' | 'incremental',
    plan: Omit<GenerationPlan, 'chrootDirectory' | 'kind'>,
  ): Promise<BuiltGeneration> {
    const { paths, clock, log, metrics } = this.#options;
    const chrootDirectory = paths.chroot(target.name);
    const started = clock.monotonic();
    const { name, kind } = target;
    const built = await buildGeneration({ ...plan, chrootDirectory, kind }, this.#tools(target));
    const seconds = (clock.monotonic() - started) / 1000;
    metrics.createrepoSeconds.observe({ mode }, seconds);
    metrics.repoPackages.observe(built.packages);
    const { generation, packages } = built;
    log.info({ ...name, kind, mode, generation, packages, seconds }, 'repository is updated');
    return built;
  }

  #tools({ name, visit }: Target): GenerationTools {
    const { paths, gate, clock, signer, workers, createrepo, keepOldMetadataMs = KEEP_OLD_METADATA_MS } = this.#options;
    return {
      work: paths.work,
      workers,
      ...(createrepo === undefined ? {} : { createrepo }),
      keepOldMs: keepOldMetadataMs,
      now: () => clock.now(),
      show: (step) => gate.run(visit, step),
      sign: async (repomd) => ({
        signature: await signer.sign(name, repomd),
        certificate: await signer.certificate(name),
      }),
    };
  }
}
