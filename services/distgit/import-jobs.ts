import type { Clock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { KeyedLock, Semaphore } from '../../lib/locks.ts';
import type { Logger } from '../../lib/log.ts';
import type { ImportRequest } from '../../lib/protocol/distgit.ts';
import { type Failure, ProjectDeletedError, RetryableError, refusalStatus, toFailure } from './errors.ts';
import { type ImportContext, importSrpm } from './import-srpm.ts';
import { taskLogPath } from './layout.ts';
import { type FinalOutcome, readRecord, requestDigest, writeRecord } from './records.ts';
import { TaskLog } from './task-log.ts';

export type Outcome = FinalOutcome | ({ kind: 'failed' } & Failure) | { kind: 'working'; note: string };

export interface JobLimits {
  concurrency: number;
  /** Jobs known at a time, running or queued. */
  jobs: number;
  deadlineMs: number;
}

/** A request whose record is being read: not a job yet, but a deletion must not overlook it. */
interface Arrival {
  project: string;
  deleted: boolean;
}

interface Job {
  request: ImportRequest;
  digest: string;
  note: string;
  abort: AbortController;
  ended: Promise<Outcome>;
  /** Monotonic time of a failure that waits to be told. */
  failedAt?: number;
}

/** A failure nobody has asked for is forgotten after this; the next request then starts anew. */
const FAILURE_KEPT_MS = 600_000;

/**
 * Imports by task: at most `concurrency` at a time, identical requests share one run. A final answer (done, refused)
 * is on disk before anybody hears it; a failed run is told once and then forgotten, so that asking again tries again.
 */
export class ImportJobs {
  private readonly context: ImportContext;
  private readonly limits: JobLimits;
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly slots: Semaphore;
  private readonly jobs = new Map<string, Job>();
  private readonly arriving = new Set<Arrival>();
  private readonly deletions = new KeyedLock();
  private stopping = false;

  constructor(context: ImportContext, limits: JobLimits) {
    this.context = context;
    this.limits = limits;
    this.clock = context.clock;
    this.log = context.log;
    this.slots = new Semaphore(limits.concurrency);
  }

  /** The outcome, or `working` after `waitMs` or when `signal` (the caller's connection) aborts first. */
  async submit(task: string, request: ImportRequest, waitMs: number, signal: AbortSignal): Promise<Outcome> {
    const digest = requestDigest(request);
    const arrival = { project: projectKey(request.owner, request.project), deleted: false };
    this.arriving.add(arrival);
    const reading = this.jobs.has(task) ? undefined : readRecord(this.context.layout, task);
    const record = await reading?.finally(() => this.arriving.delete(arrival));
    this.arriving.delete(arrival);
    if (record) return record.request === digest ? record.outcome : otherRequest(task);
    if (arrival.deleted || this.deletions.has(arrival.project)) {
      return { kind: 'failed', ...toFailure(new ProjectDeletedError(request.owner, request.project)) };
    }
    // Looked up after the read: of two callers that both found no record, the second joins the first's job.
    const job = this.jobs.get(task) ?? this.start(task, request, digest);
    if ('kind' in job) return job;
    if (job.digest !== digest) return otherRequest(task);
    const waiting = new AbortController();
    const patience = this.clock.sleep(waitMs, AbortSignal.any([waiting.signal, signal])).catch(() => undefined);
    const outcome = await Promise.race([job.ended, patience]);
    waiting.abort();
    if (outcome === undefined) return { kind: 'working', note: job.note };
    if (outcome.kind === 'failed' && this.jobs.get(task) === job) this.jobs.delete(task);
    return outcome;
  }

  private start(task: string, request: ImportRequest, digest: string): Job | Outcome {
    this.forgetOldFailures();
    if (this.stopping) return unavailable('ShuttingDown', 'distgit is shutting down; repeat the request');
    if (this.jobs.size >= this.limits.jobs)
      return unavailable('Busy', `${this.jobs.size} imports are waiting; repeat later`);
    const job: Job = {
      request,
      digest,
      note: 'waiting for a free import slot',
      abort: new AbortController(),
      ended: Promise.resolve({ kind: 'working', note: '' }),
    };
    this.jobs.set(task, job);
    this.context.metrics.importsRunning.inc();
    // One that is interrupted before its turn needs no slot to end in.
    job.ended = this.slots.run(() => this.execute(task, job), job.abort.signal).catch(() => this.execute(task, job));
    return job;
  }

  /** Never rejects: every path ends in an outcome that is written down. */
  private async execute(task: string, job: Job): Promise<Outcome> {
    const { request } = job;
    const { metrics, layout } = this.context;
    const log = this.log.child({ task, owner: request.owner, project: request.project, build: request.build });
    const taskLog = new TaskLog(taskLogPath(layout, request.build), this.clock, log);
    const started = this.clock.monotonic();
    const note = async (text: string): Promise<void> => {
      job.note = text;
      await taskLog.line(text);
    };
    log.info('import started');
    let outcome: Outcome;
    try {
      const result = await withDeadline(
        { clock: this.clock, ms: this.limits.deadlineMs, what: 'the import', signal: job.abort.signal },
        (signal) => importSrpm(this.context, task, request, note, signal),
      );
      outcome = await this.record(task, job, { kind: 'done', result });
      await taskLog.line('import finished');
    } catch (error) {
      outcome = await this.conclude(task, job, error);
      await taskLog.line(
        `${outcome.kind === 'refused' ? 'import refused' : 'import failed, may be repeated'}: ${describe(outcome)}`,
      );
    }
    const seconds = (this.clock.monotonic() - started) / 1000;
    metrics.importSeconds.observe(seconds);
    metrics.importsRunning.dec();
    metrics.imports.inc({ outcome: outcome.kind, code: 'code' in outcome ? outcome.code : '' });
    if (outcome.kind === 'done') log.info({ seconds, repo: outcome.result.repo }, 'import finished');
    else log.warn({ seconds, outcome }, 'import ended without result');
    if (outcome.kind === 'failed') job.failedAt = this.clock.monotonic();
    else this.jobs.delete(task);
    return outcome;
  }

  private async conclude(task: string, job: Job, error: unknown): Promise<Outcome> {
    const failure = toFailure(error);
    if (failure.status !== refusalStatus(failure.code)) return { kind: 'failed', ...failure };
    try {
      return await this.record(task, job, { kind: 'refused', code: failure.code, message: failure.message });
    } catch (second) {
      return { kind: 'failed', ...toFailure(second) };
    }
  }

  private async record(task: string, job: Job, outcome: FinalOutcome): Promise<FinalOutcome> {
    await writeRecord(this.context.layout, task, { request: job.digest, outcome });
    return outcome;
  }

  private forgetOldFailures(): void {
    const limit = this.clock.monotonic() - FAILURE_KEPT_MS;
    for (const [task, job] of this.jobs) {
      if (job.failedAt !== undefined && job.failedAt < limit) this.jobs.delete(task);
    }
  }

  /**
   * Runs `remove` when no import into the project runs any more: those under way or queued are refused for good,
   * and until `remove` has ended none can begin. Nothing that was asked for before can make the project anew after.
   */
  async deleteProject(owner: string, project: string, remove: () => Promise<void>): Promise<void> {
    const key = projectKey(owner, project);
    await this.deletions.run(key, async () => {
      for (const arrival of this.arriving) if (arrival.project === key) arrival.deleted = true;
      const jobs = [...this.jobs.values()].filter(({ request }) => projectKey(request.owner, request.project) === key);
      for (const job of jobs) job.abort.abort(new ProjectDeletedError(owner, project));
      await Promise.all(jobs.map((job) => job.ended));
      await remove();
    });
  }

  /** Lets running imports end for `graceMs`, then interrupts them. New ones are turned away at once. */
  async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    const all = Promise.all([...this.jobs.values()].map((job) => job.ended));
    const timer = new AbortController();
    await Promise.race([all, this.clock.sleep(graceMs, timer.signal).catch(() => undefined)]);
    timer.abort();
    for (const job of this.jobs.values())
      job.abort.abort(new RetryableError('ShuttingDown', 'distgit is shutting down'));
    await all;
  }
}

function projectKey(owner: string, project: string): string {
  return `${owner}/${project}`;
}

function describe(outcome: Outcome): string {
  return 'code' in outcome ? `${outcome.code}: ${outcome.message}` : outcome.kind;
}

function unavailable(code: string, message: string): Outcome {
  return { kind: 'failed', status: 503, code, message };
}

function otherRequest(task: string): Outcome {
  return { kind: 'failed', status: 409, code: 'TaskMismatch', message: `task ${task} was used for another import` };
}
