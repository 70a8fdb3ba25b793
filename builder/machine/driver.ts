import type { Clock } from '../../lib/clock.ts';
import { TerminalError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { BinaryStage, TaskDocument, Verdict } from '../../lib/protocol/task.ts';
import { verdict as verdictSchema } from '../../lib/protocol/task.ts';
import type { ResultLimits } from '../agent/results.ts';
import type { WorkLayout } from '../paths.ts';
import { VERDICT } from '../paths.ts';
import { failure, writeVerdict } from '../verdict.ts';
import { MachineLost, MachineRefused } from './errors.ts';
import type { FarSide, Polled } from './far-side.ts';
import { LOG_PIECE, type LogCopy } from './follower.ts';
import { packInputs, sendInputs } from './inputs.ts';
import type { Kit } from './kit.ts';
import type { MachineLink } from './link.ts';
import { mockConfig } from './mock-config.ts';
import { chooseResults, ResultFetch } from './results.ts';

export interface Drive extends ResultLimits {
  task: TaskDocument & { binary: BinaryStage };
  layout: WorkLayout;
  resultsDir: string;
  kit: Kit;
  link: MachineLink;
  copy: LogCopy;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}

const BUSY_MS = 300;
const QUIET_MS = 1_500;
const MAX_VERDICT = 4096;

/**
 * One build on a machine:
 *   inputs there → run started, once → its log followed → results here → the machine told so → verdict here, last.
 * Every step may be repeated, by this process after a lost connection or by another one for the same task.
 */
export async function drive(job: Drive): Promise<Verdict> {
  const { link, task } = job;
  const id = task.task;
  const engine = await chooseEngine(job);
  job.log.info({ engine }, 'the machine builds with');
  const files =
    engine === 'mock' ? new Map([['mock.cfg', mockConfig(task, link.proxyPort)]]) : new Map<string, string>();
  const plan = { engine, releasever: releaseOf(task), proxyPort: link.proxyPort, files };
  const inputs = await packInputs(job.layout, plan, job.signal);
  await link.perform((far) => sendInputs(far, id, inputs));
  await link.perform((far) => far.start(id));
  await follow(job);
  const verdict = await fetchResults(job);
  await link.perform((far) => far.uploaded(id));
  await writeVerdict(job.resultsDir, verdict);
  return verdict;
}

async function chooseEngine({ link }: Drive): Promise<'dnf' | 'mock'> {
  const { engines } = await link.perform((far) => far.describe());
  return engineFor(link.target.engine, engines);
}

/** Pure: what builds on a machine that has these. */
export function engineFor(wanted: 'auto' | 'dnf' | 'mock', found: readonly string[]): 'dnf' | 'mock' {
  if (wanted !== 'dnf' && found.includes('mock')) return 'mock';
  if (wanted !== 'mock' && found.includes('dnf')) return 'dnf';
  const lacking = wanted === 'auto' ? 'neither mock nor dnf with rpm' : `no ${wanted}`;
  throw new MachineRefused(`the machine has ${lacking}; install it, or choose another engine for the pool`);
}

/** Pure: what dnf is to take for $releasever: the last part of the distribution's name. */
export function releaseOf(task: Pick<TaskDocument, 'chroot'>): string {
  const distribution = task.chroot.slice(0, Math.max(0, task.chroot.lastIndexOf('-')));
  const release = distribution.slice(distribution.lastIndexOf('-') + 1);
  if (!/^[A-Za-z0-9][A-Za-z0-9._+]*$/.test(release)) {
    throw new TerminalError('InvalidTask', `"${task.chroot}" is not the name of a chroot with a release in it`);
  }
  return release;
}

async function follow({ task, link, copy, clock, signal }: Drive): Promise<void> {
  for (;;) {
    const polled = await link.perform((far) => far.poll(task.task, copy.offset, copy.room));
    await copy.append(polled.log);
    const whole = copy.offset >= polled.size || copy.room === 0;
    if (whole && polled.verdict) return;
    await refuseIfOver(polled, whole, link, task.task);
    if (polled.log.length < LOG_PIECE) await clock.sleep(polled.log.length > 0 ? BUSY_MS : QUIET_MS, signal);
  }
}

async function refuseIfOver(polled: Polled, whole: boolean, link: MachineLink, task: string): Promise<void> {
  if (polled.state === 'running') return;
  if (polled.state !== 'ended')
    throw new MachineLost('the machine knows nothing of the build any more; was it restarted?');
  if (!whole) return;
  const complaint = await link.perform((far) => far.complaint(task));
  throw new Error(`the run on the machine ended with code ${polled.code} and without a verdict: ${complaint}`);
}

async function fetchResults(job: Drive): Promise<Verdict> {
  const { link, task } = job;
  const reported = await readVerdict(link, task.task);
  const listing = await link.perform((far) => far.results(task.task));
  if (reported.outcome === 'succeeded') {
    try {
      await fetchAll(job, listing, false);
      return reported;
    } catch (error) {
      if (!(error instanceof TerminalError)) throw error;
      // The build did not produce what can be published: that is its outcome.
      await fetchAll(job, listing, true);
      return failure(error);
    }
  }
  await fetchAll(job, listing, true);
  return reported;
}

async function fetchAll(
  job: Drive,
  listing: Awaited<ReturnType<FarSide['results']>>,
  logsOnly: boolean,
): Promise<void> {
  for (const file of chooseResults(listing, logsOnly, job)) {
    const fetch = new ResultFetch(file, job.resultsDir);
    await job.link.perform((far) => fetch.run(far, job.task.task));
    job.log.info({ file: file.name, size: file.size }, 'result fetched');
  }
}

async function readVerdict(link: MachineLink, task: string): Promise<Verdict> {
  const text = await link.perform(async (far) => {
    const parts: Buffer[] = [];
    await far.read(task, VERDICT, 0, MAX_VERDICT, (chunk) => parts.push(chunk));
    return Buffer.concat(parts).toString('utf8');
  });
  const json: unknown = JSON.parse(text);
  return verdictSchema.parse(json);
}
