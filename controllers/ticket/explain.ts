import type { Decision } from './decide.ts';
import { Forecast, secondsUntilBelow } from './forecast.ts';
import type { Exceeded } from './limits.ts';
import { Dealer, type Rest } from './queue.ts';
import type { Prospect, Reason } from './reasons.ts';
import { ComingMachines, machineStarting, prospectOf } from './reasons.ts';
import type { SchedulerWorld, Waiting } from './world.ts';

/**
 * Pure: why everybody else waits, and for how long; those that will be served first come first. They are dealt out one
 * by one as if places became free: with many tickets that takes a while, so that the caller may stop for breath between
 * any two. Uses up what it is given.
 */
export function* explain(
  { suspended }: Pick<SchedulerWorld, 'suspended'>,
  { usage, places, rests }: Decision['after'],
  now: number,
): Generator<Waiting> {
  const prospects = new Map<string, Prospect>();
  const prospect = ({ line: { wish } }: Rest): Prospect => {
    let found = prospects.get(wish.key);
    if (found === undefined) {
      found = prospectOf(wish, places, now);
      prospects.set(wish.key, found);
    }
    return found;
  };
  const moving: Rest[] = [];
  const stuck: Rest[] = [];
  for (const rest of rests) {
    if (suspended.has(rest.line.project) || prospect(rest).pools.length === 0) stuck.push(rest);
    else moving.push(rest);
  }
  let position = 0;
  const coming = new ComingMachines();
  const forecast = new Forecast();
  const held: Rest[] = [];
  const dealer = new Dealer(moving, usage);
  for (let rest = dealer.next(); rest !== undefined; rest = dealer.next()) {
    if (usage.exceeded(rest.line) !== undefined) {
      held.push(rest);
      dealer.block();
      continue;
    }
    const ticket = rest.take();
    if (ticket === undefined) continue;
    const { pools, making, pauseSeconds, ...why } = prospect(rest);
    const maker = coming.take(making);
    const seconds = forecast.secondsFor(pools);
    const startSeconds = maker?.pool.status?.statistics?.startSeconds;
    const reason = maker === undefined ? why : machineStarting(maker);
    const waits = maker === undefined ? seconds : (startSeconds ?? seconds);
    yield { ticket, news: news(reason, position++, waits === undefined ? undefined : waits + pauseSeconds) };
    usage.add(rest.line);
    forecast.add(pools);
  }
  const last = new Dealer(held, usage);
  for (let rest = last.next(); rest !== undefined; rest = last.next()) {
    const ticket = rest.take();
    const limit = usage.exceeded(rest.line);
    if (ticket === undefined) continue;
    const { pools, making: _making, pauseSeconds: _pauseSeconds, ...why } = prospect(rest);
    const seconds = forecast.secondsFor(pools);
    yield { ticket, news: news(exceeds(limit) ?? why, position++, longer(seconds, limit, pools)) };
    usage.add(rest.line);
    forecast.add(pools);
  }
  for (const rest of stuck) {
    const { reason, message } = suspended.has(rest.line.project) ? suspendedProject(rest) : prospect(rest);
    for (let ticket = rest.take(); ticket !== undefined; ticket = rest.take()) {
      yield { ticket, news: news({ reason, message }, undefined, undefined) };
    }
  }
}

function news(reason: Reason, position: number | undefined, seconds: number | undefined): Waiting['news'] {
  return {
    reason: reason.reason,
    message: reason.message,
    position,
    estimatedSeconds: seconds === undefined ? undefined : Math.ceil(seconds),
  };
}

function exceeds(limit: Exceeded | undefined): Reason | undefined {
  return limit && { reason: 'QuotaExceeded', message: limit.message() };
}

/** Both the limit and the pools must let it in. */
function longer(
  seconds: number | undefined,
  limit: Exceeded | undefined,
  pools: Prospect['pools'],
): number | undefined {
  if (limit === undefined || seconds === undefined) return seconds;
  const below = secondsUntilBelow(limit.count, limit.max, pools);
  return below === undefined ? undefined : Math.max(below, seconds);
}

function suspendedProject({ line }: Rest): Reason {
  const project = line.project.slice(line.project.indexOf('/') + 1);
  return { reason: 'ProjectSuspended', message: `Project "${project}" is suspended` };
}
