/**
 * Tells waiting tickets why they wait, how many come first, and for how long:
 *
 *   any change that the scheduler looks at ──▶ (at most every few seconds) dealt out in mind as if places became free
 *   ──▶ those for whom that is news are told, the front of the queue first, so many at a time.
 *
 * Apart from the scheduler, whose decisions wait for none of this. What it says is old when it is written: a ticket
 * that is no longer as it was seen, since it was assigned or closed, is told nothing.
 */
import { setImmediate } from 'node:timers/promises';
import { toTimestamp } from '../../lib/clock.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import type { Manager } from '../../operator/manager.ts';
import { decide } from './decide.ts';
import { explain } from './explain.ts';
import type { Pending, SchedulerMetrics } from './metrics.ts';
import { isNews } from './news.ts';
import { tell } from './tell.ts';
import type { SchedulerWorld, Waiting } from './world.ts';

/** So long after one outlook the next is made; longer when they take long, for they are to cost a twentieth at most. */
const PAUSE_MS = 2_000;
const PAUSE_TIMES = 20;
/** Places and estimates of a queue that stands still are looked at again after this long. */
const LATEST_MS = 60_000;
/** Tickets that are told their news after one outlook; the others follow after the next. */
const TOLD = 250;
/** How long the event loop is kept from everything else. */
const SLICE_MS = 5;

export interface Outlook {
  news: Waiting[];
  pending: Pending[];
  /** Of computing alone. */
  tookMs: number;
}

/** Everybody's prospects, made in slices. */
export async function outlookOf(
  world: SchedulerWorld,
  { clock, signal }: Pick<ReconcileContext, 'clock' | 'signal'>,
): Promise<Outlook> {
  const now = clock.now();
  let sliceStarted = clock.monotonic();
  let tookMs = 0;
  const { after } = decide(world, now);
  for (const rest of after.rests) rest.keep();
  const news: Waiting[] = [];
  const pending = new Map<string, Pending>();
  let count = 0;
  for (const waiting of explain(world, after, now)) {
    if (news.length < TOLD && isNews(waiting.ticket, waiting.news)) news.push(waiting);
    countPending(pending, waiting);
    // Looking at the clock costs as much as a ticket.
    if (++count % 64 !== 0) continue;
    const spent = clock.monotonic() - sliceStarted;
    if (spent < SLICE_MS) continue;
    tookMs += spent;
    await setImmediate();
    signal.throwIfAborted();
    sliceStarted = clock.monotonic();
  }
  tookMs += clock.monotonic() - sliceStarted;
  return { news, pending: [...pending.values()], tookMs };
}

function countPending(pending: Map<string, Pending>, { ticket, news: { reason } }: Waiting): void {
  const { architecture } = ticket.spec;
  const key = `${architecture} ${reason}`;
  const known = pending.get(key);
  if (known === undefined) pending.set(key, { architecture, reason, count: 1 });
  else known.count++;
}

export function createOutlook(
  manager: Manager,
  observe: () => SchedulerWorld,
  metrics: SchedulerMetrics,
): (ctx: ReconcileContext) => Promise<ReconcileResult> {
  let notBefore = 0;

  return async (ctx) => {
    const wait = notBefore - ctx.clock.monotonic();
    if (wait > 0) return { requeueAfterMs: wait, reason: 'NextOutlook' };
    const now = ctx.clock.now();
    const { news, pending, tookMs } = await outlookOf(observe(), ctx);
    metrics.outlook(tookMs, pending);
    const pause = Math.max(PAUSE_MS, PAUSE_TIMES * tookMs);
    notBefore = ctx.clock.monotonic() + pause;
    // One by one: assignments wait for the same API server.
    for (const waiting of news) await tellNews(manager, waiting, now);
    if (news.length === TOLD) return { requeueAfterMs: pause, reason: 'MoreNews' };
    return { requeueAfterMs: Math.max(pause, LATEST_MS), reason: 'Anyway' };
  };
}

async function tellNews(manager: Manager, { ticket, news }: Waiting, now: number): Promise<void> {
  const { reason, message, position, estimatedSeconds } = news;
  await tell(
    manager,
    ticket,
    {
      phase: 'Waiting',
      reason,
      message,
      ...(position === undefined ? {} : { position, estimatedAt: toTimestamp(now) }),
      ...(estimatedSeconds === undefined ? {} : { estimatedSeconds }),
    },
    'unchanged',
  );
}
