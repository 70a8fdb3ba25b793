import type { BuilderPool } from '../../crds/builderpool.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import type { Job } from '../../operator/core.ts';
import type { JobOutcome } from '../hook/outcome.ts';
import type { Note } from '../shared/notes.ts';
import { normal, oneSentence, warning } from '../shared/notes.ts';
import type { OrphanRun } from './jobs.ts';
import { endedAt, isListJob, listJob, madeAt, orphanJob, orphanRunOf } from './jobs.ts';
import { namesOf } from './names.ts';

/** A list that failed is run again after so long, or after its period if that is shorter. */
const RETRY_LIST_MS = 300_000;
/** A deletion is tried so often; the next list finds what is left. */
const ATTEMPTS = 5;
const FIRST_RETRY_MS = 10_000;
/** Machines that one list has deleted. A hook gone mad must not empty a cloud, or fill a cluster with Jobs. */
export const MAX_ORPHANS = 20;

export interface OrphanWorld {
  pool: BuilderPool;
  /** Those of this controller, for this pool. */
  jobs: readonly { job: Job; outcome: JobOutcome }[];
  /** Names of all Builders. */
  known: ReadonlySet<string>;
  /** The same when the Job of this name was made; undefined for Jobs of an earlier process. */
  knownBefore: (job: string) => ReadonlySet<string> | undefined;
}

export interface OrphanPlan {
  create: Job[];
  /** Done with; after everything else, so that a crash leaves them to be looked at again. */
  remove: Job[];
  /** This list has succeeded: its output is to be read. */
  read?: Job;
  notes: Note[];
  wakeAt?: number;
}

/** Pure: what is due for a pool whose hook "list" tells which machines there are. */
export function planOrphans(world: OrphanWorld, now: number): OrphanPlan {
  const plan: OrphanPlan = { create: [], remove: [], notes: [] };
  for (const { run, outcome, older } of newest(world.jobs)) {
    plan.remove.push(...older);
    deletion(world, plan, run, outcome, now);
  }
  const lists = world.jobs.filter(({ job }) => isListJob(job));
  if (lists.length > 0) running(world, plan, lists, now);
  else listing(world, plan, now);
  return plan;
}

/** The last attempt for each machine; older ones are done with. */
function newest(jobs: OrphanWorld['jobs']): { run: OrphanRun; outcome: JobOutcome; older: Job[] }[] {
  const runs = jobs.flatMap(({ job, outcome }) => {
    const run = orphanRunOf(job);
    return run === undefined ? [] : [{ run, outcome }];
  });
  return [...Map.groupBy(runs, ({ run }) => run.machine).values()].flatMap((same) => {
    const [last, ...older] = same.sort((a, b) => b.run.attempt - a.run.attempt);
    return last === undefined ? [] : [{ ...last, older: older.map(({ run }) => run.job) }];
  });
}

function deletion(world: OrphanWorld, plan: OrphanPlan, run: OrphanRun, outcome: JobOutcome, now: number): void {
  const { machine, attempt, job } = run;
  if (outcome.state === 'running') {
    wake(plan, outcome.deadline);
    return;
  }
  if (outcome.state === 'succeeded') {
    plan.notes.push(normal('OrphanRemoved', `removed machine ${machine}, which no Builder stands for`));
    plan.remove.push(job);
    return;
  }
  if (attempt >= ATTEMPTS || world.known.has(machine)) {
    const why = `${attempt} attempts to remove machine ${machine} have failed, the last one ${outcome.message}`;
    plan.notes.push(warning('OrphanStays', why));
    plan.remove.push(job);
    return;
  }
  const due = endedAt(job, now) + FIRST_RETRY_MS * 2 ** (attempt - 1);
  if (due > now) wake(plan, due);
  else plan.create.push(orphanJob(world.pool, machine, attempt + 1));
}

function running(world: OrphanWorld, plan: OrphanPlan, lists: OrphanWorld['jobs'], now: number): void {
  for (const { job, outcome } of lists) {
    if (outcome.state === 'running') {
      wake(plan, outcome.deadline);
    } else if (outcome.state === 'succeeded') {
      // One of an earlier process says nothing of machines that came and went meanwhile: it is run again.
      if (world.knownBefore(job.metadata.name) === undefined) plan.remove.push(job);
      else plan.read = job;
    } else {
      const due = madeAt(job) + Math.min(RETRY_LIST_MS, periodMs(world.pool));
      if (due > now) wake(plan, due);
      else plan.remove.push(job);
    }
  }
}

function listing({ pool }: OrphanWorld, plan: OrphanPlan, now: number): void {
  if (pool.spec.command?.list === undefined || pool.metadata.deletionTimestamp !== undefined) return;
  const last = pool.status?.lastListAt ?? pool.metadata.creationTimestamp;
  const due = (last === undefined ? now : fromTimestamp(last)) + periodMs(pool);
  if (due > now) wake(plan, due);
  else plan.create.push(listJob(pool, due));
}

/**
 * Pure: what is to be done about the output of a list. Only names that were unknown before it began and are unknown
 * after it ended are those of orphans: a machine has its Builder before it is made, and until it is deleted.
 */
export function planOutput(world: OrphanWorld, list: Job, output: string): OrphanPlan {
  const { pool, known } = world;
  const before = world.knownBefore(list.metadata.name);
  const { names, odd } = namesOf(output);
  const plan: OrphanPlan = { create: [], remove: [list], notes: [] };
  if (odd.length > 0) {
    const first = oneSentence(odd[0] ?? '', 100).replaceAll(/[^\x20-\x7e]/g, '?');
    const what = `${odd.length} lines of the hook "list" are no names of machines, such as "${first}"`;
    plan.notes.push(
      warning('OddNames', `${what}: letters, digits and . _ - are; it must print nothing else to its output`),
    );
  }
  const underWay = new Set(world.jobs.map(({ job }) => orphanRunOf(job)?.machine));
  const orphans = names.filter(
    (name) => before !== undefined && !before.has(name) && !known.has(name) && !underWay.has(name),
  );
  const now = orphans.slice(0, MAX_ORPHANS);
  plan.create.push(...now.map((name) => orphanJob(pool, name, 1)));
  if (orphans.length > 0) {
    const rest = orphans.length > now.length ? `, ${now.length} of them now` : '';
    const what = `${orphans.length} machines have no Builder and are removed${rest}: ${now.slice(0, 5).join(', ')}`;
    plan.notes.push(warning('OrphansFound', now.length > 5 ? `${what} …` : what));
  }
  return plan;
}

function periodMs({ spec }: BuilderPool): number {
  return (spec.command?.listPeriodSeconds ?? 1800) * 1000;
}

function wake(plan: OrphanPlan, at: number): void {
  plan.wakeAt = Math.min(plan.wakeAt ?? at, at);
}
