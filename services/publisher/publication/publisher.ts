import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../lib/clock.ts';
import { exists, readIfThere, removeTree, writeFileAtomic } from '../../../lib/durable.ts';
import { Semaphore } from '../../../lib/locks.ts';
import type { Logger } from '../../../lib/log.ts';
import { type Publication, type PublicationRequest, publicationRequest } from '../../../lib/protocol/publisher.ts';
import { ApiError, describeError, toApiError } from '../api-error.ts';
import type { TaskStore } from '../ingest/task-store.ts';
import type { Metrics } from '../metrics.ts';
import { type Paths, relativePath, resultDirectory, taskId } from '../paths.ts';
import { writeCertificate } from '../project/certificate.ts';
import { type ProjectGate, projectDeleted } from '../project/gate.ts';
import type { RecordStore, TaskRecord } from '../records.ts';
import { type RepositoryEngine, UnreadablePackagesError } from '../repository/engine.ts';
import type { ProjectSigner } from '../signer.ts';
import { listInRepositories } from './list.ts';
import { place, removeStale } from './place.ts';
import {
  outDirectory,
  type Prepared,
  type PrepareOptions,
  type PublicationInput,
  prepare,
  prepareRefusal,
} from './prepare.ts';

const REQUEST_FILE = 'publication.json';
/** Answers after which nobody asks again. */
const FOR_EVER: ReadonlySet<number> = new Set([409, 410, 422]);

export interface PublisherOptions {
  paths: Paths;
  gate: ProjectGate;
  tasks: TaskStore;
  records: RecordStore;
  signer: Pick<ProjectSigner, 'signAll' | 'certificate'>;
  engine: RepositoryEngine;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  /** Publications that are checked and signed at once. */
  concurrency: number;
}

export interface Job {
  result: Promise<Publication>;
  /** What it is doing, for people. */
  note: string;
}

/**
 * Publishes complete uploads: prepare (check, sign, compress) → place in the results directory → repository → record. Every step may
 * be repeated; the request itself is kept on disk, so that a publication cut short by the end of the process goes on at the next start.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #prepareOptions: PrepareOptions;
  readonly #jobs = new Map<string, Job>();
  readonly #semaphore: Semaphore;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#semaphore = new Semaphore(options.concurrency);
    this.#prepareOptions = {
      paths: options.paths,
      signer: options.signer,
      blobPath: (task, sha256) => options.tasks.blobPath(task, sha256),
      inDirectory: (input, step) => this.#inDirectory(input, step),
    };
  }

  /** Starts the publication, or joins it. Rejects with ApiError: 409, 410 and 422 are for ever, the others may pass. */
  publish(task: string, request: PublicationRequest): Job {
    const running = this.#jobs.get(taskId(task));
    if (running !== undefined) return running;
    const { promise, resolve, reject } = Promise.withResolvers<Publication>();
    const job: Job = { result: promise, note: 'waiting for its turn' };
    this.#jobs.set(task, job);
    this.#run(task, request, job)
      .then(resolve, reject)
      .finally(() => this.#jobs.delete(task));
    // Whoever waits for it sees the error; without a waiter it must not end the process.
    promise.catch(() => undefined);
    return job;
  }

  /** Takes up what an earlier process left unfinished. Resolves with the number of publications it has started. */
  async resume(): Promise<number> {
    const { paths, log } = this.#options;
    let resumed = 0;
    for (const task of await readdir(paths.staging)) {
      const bytes = await readIfThere(join(paths.upload(task), REQUEST_FILE));
      if (bytes === undefined) continue;
      log.info({ task }, 'an unfinished publication is continued');
      this.publish(task, publicationRequest.parse(JSON.parse(bytes.toString('utf8'))));
      resumed++;
    }
    return resumed;
  }

  /** Resolves when no publication is running. */
  async idle(): Promise<void> {
    while (this.#jobs.size > 0) await Promise.allSettled([...this.#jobs.values()].map((job) => job.result));
  }

  async #run(task: string, request: PublicationRequest, job: Job): Promise<Publication> {
    const { metrics, log } = this.#options;
    metrics.publicationsUnderWay.inc();
    try {
      const record = (await this.#options.records.read(task)) ?? (await this.#publish(task, request, job));
      // Here and not in #publish: a process may die between the record and this line.
      await removeTree(this.#options.paths.upload(task));
      return answerOf(task, record);
    } catch (error) {
      const answer = toApiError(error);
      if (FOR_EVER.has(answer.status)) {
        log.info({ task, code: answer.code, error: answer.message }, 'publication is refused');
      } else {
        metrics.publications.inc({ outcome: 'error' });
        log.warn(
          { task, code: answer.code, ...describeError(error) },
          'publication failed, the next request repeats it',
        );
      }
      throw answer;
    } finally {
      metrics.publicationsUnderWay.dec();
    }
  }

  async #publish(task: string, request: PublicationRequest, job: Job): Promise<TaskRecord> {
    const { paths, gate, tasks } = this.#options;
    const directory = resultDirectory(request.owner, request.project, request.chroot, request.directory);
    const visit = gate.visit(directory);
    await gate.check(visit);
    const manifest = await tasks.manifestOf(task);
    if (manifest === undefined)
      throw new ApiError(409, 'NotComplete', `the task ${task} has not uploaded all of its results`);
    await tasks.checkOwner(task, directory);
    const requestPath = join(paths.upload(task), REQUEST_FILE);
    try {
      if (!(await exists(requestPath))) await writeFileAtomic(requestPath, JSON.stringify(request));
      return await this.#prepareAndShow({ task, request, directory, visit, manifest }, job);
    } catch (error) {
      const removed = gate.isOver(visit) ? projectDeleted(directory) : await tasks.removalOf(directory);
      if (removed === undefined) throw error;
      // It has taken files away from under the publication, which shows as errors of any kind, and which may have made some again.
      await tasks.forget(task);
      throw removed;
    }
  }

  async #prepareAndShow(input: PublicationInput, job: Job): Promise<TaskRecord> {
    const { gate, tasks, records, log, metrics } = this.#options;
    const { task, directory, visit, manifest } = input;
    job.note = 'checking, signing and placing the results';
    let prepared = await this.#semaphore.run(() => prepare(input, this.#prepareOptions));
    let generation: number | undefined;
    try {
      generation = await this.#show(input, prepared, job);
    } catch (error) {
      if (!(error instanceof UnreadablePackagesError)) throw error;
      const message = `createrepo_c cannot read its packages: ${error.message}`;
      prepared = await prepareRefusal(input, { code: 'InvalidPackage', message }, this.#prepareOptions);
      generation = await this.#show(input, prepared, job);
    }

    const record = recordOf(input, prepared, generation);
    const completedAt = await tasks.completedAt(task);
    // Nobody is told that something is published which a deletion has removed meanwhile.
    await gate.run(visit, () => records.write(task, record));
    metrics.publications.inc({ outcome: record.state === 'done' ? manifest.verdict.outcome : 'refused' });
    if (completedAt !== undefined) metrics.publishLagSeconds.observe((this.#options.clock.now() - completedAt) / 1000);
    log.info(
      { task, dir: relativePath(directory), packages: prepared.packages.length, generation },
      'results are published',
    );
    return record;
  }

  /** Places what was prepared and brings the repository in line. Returns the generation that has the packages, if there are any. */
  async #show(input: PublicationInput, prepared: Prepared, job: Job): Promise<number | undefined> {
    const { paths, gate, engine, signer } = this.#options;
    const { directory, task, visit } = input;
    const succeeded = prepared.verdict.outcome === 'succeeded';
    const placement = await this.#inDirectory(input, () =>
      place(paths, directory, outDirectory(paths, task), prepared.files, succeeded),
    );
    let generation: number | undefined;
    if (input.request.stage === 'binary' && placement.add.length + placement.remove.length > 0) {
      const certificate = await signer.certificate(directory);
      await gate.run(visit, () => writeCertificate(paths, directory, certificate));
      job.note = 'waiting for the repository';
      generation = await listInRepositories({ paths, engine }, directory, placement, visit);
    }
    await this.#inDirectory(input, () => removeStale(paths, directory, placement));
    return placement.add.length > 0 ? generation : undefined;
  }

  /** A step that changes the results directory: neither a deletion of the project nor a later attempt comes in between. */
  #inDirectory<T>({ task, directory, visit }: PublicationInput, step: () => Promise<T>): Promise<T> {
    const { gate, tasks } = this.#options;
    return gate.run(visit, async () => {
      await tasks.checkOwner(task, directory);
      return step();
    });
  }
}

function recordOf(
  { manifest, request }: PublicationInput,
  prepared: Prepared,
  generation: number | undefined,
): TaskRecord {
  if (prepared.refusal !== undefined) return { state: 'refused', manifest, ...prepared.refusal };
  return {
    state: 'done',
    manifest,
    publication: {
      state: 'done',
      verdict: prepared.verdict,
      packages: prepared.packages,
      ...(request.stage === 'source' || generation === undefined ? {} : { generation }),
      ...(prepared.srpm === undefined ? {} : { srpm: prepared.srpm }),
    },
  };
}

function answerOf(task: string, record: TaskRecord): Publication {
  if (record.state === 'done') return record.publication;
  if (record.state === 'refused') throw new ApiError(422, record.code, record.message);
  throw new ApiError(410, 'TaskSuperseded', `the task ${task} was given up; it cannot be published`);
}
