import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { aPool, NOW } from '../controllers/testing/objects.ts';
import { decide } from '../controllers/ticket/decide.ts';
import { outlookOf } from '../controllers/ticket/outlook.ts';
import { SimulatedCluster } from '../controllers/ticket/testing/cluster.ts';
import { systemClock } from '../lib/clock.ts';
import { measure, summarize } from './measure.ts';
import type { Figure } from './ranges.ts';
import { SchedulerCaches } from './schedulerCaches.ts';

const SIZES = [1_000, 5_000, 10_000, 50_000];

/** Decisions of the scheduler over caches as large as they get, without any API server. */
export async function schedulerFigures(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const waiting of SIZES) figures.push(busyCycles(waiting, waiting === 50_000 ? 50 : 20));
  figures.push(...cycles(10_000), ...cycles(50_000));
  for (const waiting of SIZES) figures.push(await outlook(waiting));
  figures.push(await memory(10_000), await memory(50_000, 400), simulation());
  return figures;
}

function thousands(count: number): string {
  return `${count / 1000}k waiting`;
}

const ROUNDS = 3;
const CYCLES = 120;

/**
 * Cycles as they come in life, the longest of a hundred: some tickets have come, some were told their news, some
 * builders have become free; all that reaches the caches, and is decided on. In CPU time, as everything here; the best of three rounds counts.
 */
function busyCycles(waiting: number, target: number): Figure {
  const caches = new SchedulerCaches({ waiting, free: 0 });
  const rounds = Array.from({ length: ROUNDS }, () => {
    const times: number[] = [];
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const changes = caches.changes();
      const time = cpuTime();
      for (const change of changes) change();
      const { assign } = decide(caches.observe(), NOW);
      times.push(time());
      if (assign.length === 0) throw new Error('a cycle has assigned nothing');
      caches.carryOut(assign);
    }
    return summarize(times).p99;
  });
  return { name: `decision, ${thousands(waiting)}, p99`, value: Math.min(...rounds), unit: 'ms', target, rough: true };
}

/** Whole cycles over caches that stand still: the snapshot and the decision. Short ones often: time comes in steps. */
function cycles(waiting: number): Figure[] {
  return [0, 50, 1000].map((free) => {
    const caches = new SchedulerCaches({ waiting, free });
    const value = measure(free === 0 ? 150 : 40, () => decide(caches.observe(), NOW));
    const places = free === 0 ? 'no place free' : `${free} places free`;
    return { name: `cycle, ${thousands(waiting)}, ${places}`, value, unit: 'ms' };
  });
}

/** Everybody's reasons, positions and estimates. */
async function outlook(waiting: number): Promise<Figure> {
  const caches = new SchedulerCaches({ waiting, free: 0 });
  const { signal } = new AbortController();
  const times: number[] = [];
  for (let run = 0; run < 5; run++) {
    const time = cpuTime();
    await outlookOf(caches.observe(), { clock: systemClock, signal });
    times.push(time());
  }
  return { name: `outlook, ${thousands(waiting)}`, value: Math.min(...times), unit: 'ms', rough: true };
}

/** Milliseconds of this thread until the returned function is called. The system counts in steps of some milliseconds. */
function cpuTime(): () => number {
  const before = process.threadCpuUsage();
  return () => {
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1000;
  };
}

/** What Node takes for its heap in the operator's container. */
const HEAP_MB = 512;

/** In a process of its own: one that has done something else before holds memory for that. */
async function memory(waiting: number, target?: number): Promise<Figure> {
  const script = fileURLToPath(new URL('./memory.ts', import.meta.url));
  const args = [`--max-old-space-size=${HEAP_MB}`, script, String(waiting)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 240_000 });
  const value = Number(stdout);
  const figure: Figure = { name: `memory, ${thousands(waiting)}`, value, unit: 'MB', rough: true };
  return target === undefined ? figure : { ...figure, target };
}

/** Dispatches a second while 3,000 stages queue and builders end one by one. */
function simulation(): Figure {
  const cluster = new SimulatedCluster([aPool('default', { max: 50, maxStarting: 50 })]);
  for (let index = 0; index < 3_000; index++) cluster.arrive(`owner-${index % 20}`, `project-${index % 3}`);
  let dispatched = 0;
  const ms = measure(100, () => {
    dispatched += cluster.cycle().assign.length;
    for (const name of cluster.in('Starting').slice(0, 5)) cluster.complete(name);
  });
  const each = dispatched / (4 * 100);
  return { name: 'dispatches in memory, 3k waiting', value: (1000 * each) / ms, unit: '/s', target: 50, rough: true };
}
