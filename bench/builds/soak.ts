/**
 * Churn for minutes or hours: beside a queue of builds that wait all the time, since the quota of their owners is 0, builds
 * of others end, are deleted when their time is over, and new ones come. What the operator holds after garbage was
 * collected must not grow with time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Builds } from '../../crds/build.ts';
import { BuildQuotas } from '../../crds/buildquota.ts';
import { ChrootBuilds } from '../../crds/chrootbuild.ts';
import { isComplete } from '../../crds/states.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { Manager } from '../../operator/manager.ts';
import { eventually } from '../../operator/testing/harness.ts';
import { collectStages } from './nodes.ts';
import { OWNERS, ownerNo, startSite } from './site.ts';
import { submit, submitOne, untilQueued } from './submit.ts';

const SAMPLE_MS = 20_000;
/** Part of the samples at the beginning that do not count: compiled code, buffers and connections come then. */
const WARM_UP = 0.3;
const PLACES = 20;
/** Builds of those that may build, at any time. */
const UNDER_WAY = 40;
/** Owners of what waits; the others build. */
const HELD = OWNERS / 2;
/** MB of heap an hour that are no sign of a leak: series of events and compiled code come late. */
const GROWTH_MB = 5;
/** Nothing of the queue changes for so long: all of it is told what it waits for, which takes memory and is no leak. */
const QUIET_MS = 20_000;
/** No machine should need longer to tell one. */
const TOLD_MS_EACH = 300;
/** Builds between two words of how far the queue is. */
const STEP = 1_000;

export interface SoakSample {
  minutes: number;
  /** MB after garbage was collected. */
  rss: number;
  heap: number;
  /** Builds, and their stages. */
  finished: number;
  stages: number;
}

export interface SoakOutcome {
  samples: SoakSample[];
  /** MB an hour, by a line through the samples after the warm-up, and how far off it may be (two standard errors). */
  rss: Slope;
  heap: Slope;
  peak: number;
}

export interface Slope {
  perHour: number;
  error: number;
}

export async function runSoak(minutes: number, queued: number, report: (line: string) => void): Promise<SoakOutcome> {
  let finished = 0;
  let stages = 0;
  let serial = 0;
  let problem: unknown;
  const site = await startSite({
    pool: { max: PLACES, maxStarting: PLACES },
    lives: { startMs: 200, buildMs: 500 },
    project: { retention: { ttlSecondsAfterFinished: 60, keepLast: 0 } },
    prepare: (world) => {
      world.store(Builds);
      collectStages(world);
    },
  });
  try {
    for (let owner = 0; owner < HELD; owner++) {
      const metadata = { name: 'default', namespace: held(owner) };
      await site.client.create(BuildQuotas, { metadata, spec: { maxRunning: 0, weight: 100 } });
    }
    const operator = await site.startOperator();
    for (let made = 0; made < queued; made += STEP) {
      await operator.during(submit(site.client, Math.min(STEP, queued - made), `first-${made}`, held));
      report(`${Math.min(made + STEP, queued)} of ${queued} builds queued`);
    }
    await untilQueued(site.world, queued);
    report('all of them have tickets; now they are told what they wait for');
    await operator.during(untilQuiet(site.world, queued * TOLD_MS_EACH + 60_000));
    site.world.store(Builds).subscribe(({ old, now }) => {
      if (now === undefined || !isComplete(now) || isComplete(old)) return;
      finished++;
      submitOne(site.client, 'next', serial++, building).catch((error: unknown) => {
        problem = error;
      });
    });
    site.world.store(ChrootBuilds).subscribe(({ old, now }) => {
      if (isComplete(now) && !isComplete(old)) stages++;
    });
    await submit(site.client, UNDER_WAY, 'churn', building);
    const samples: SoakSample[] = [];
    report(`${queued} builds wait`);
    const started = performance.now();
    while (performance.now() - started < minutes * 60_000) {
      await operator.during(sleep(SAMPLE_MS));
      if (problem !== undefined) throw new Error(`a Build could not be submitted: ${errorMessage(problem)}`);
      const { rss, heap } = await operator.collected();
      const sample = { minutes: (performance.now() - started) / 60_000, rss, heap, finished, stages };
      samples.push(sample);
      report(
        `${sample.minutes.toFixed(1)} min  rss ${rss.toFixed(0)} MB  heap ${heap.toFixed(1)} MB  ${stages} stages and ${finished} builds finished`,
      );
    }
    const counted = samples.slice(Math.floor(samples.length * WARM_UP));
    const line = (of: (sample: SoakSample) => number): Slope =>
      slopeOf(counted.map((each) => [each.minutes / 60, of(each)]));
    return { samples, rss: line(({ rss }) => rss), heap: line(({ heap }) => heap), peak: operator.memory().peak };
  } finally {
    await site.stop();
  }
}

async function untilQuiet(world: Manager, ms: number): Promise<void> {
  let changed = performance.now();
  const onChange = (): void => {
    changed = performance.now();
  };
  const ends = [world.store(Builds).subscribe(onChange), world.store(ChrootBuilds).subscribe(onChange)];
  try {
    await eventually('telling the queue what it waits for', () => performance.now() - changed >= QUIET_MS, ms);
  } finally {
    for (const end of ends) end();
  }
}

function held(index: number): string {
  return ownerNo(index % HELD);
}

function building(index: number): string {
  return ownerNo(HELD + (index % (OWNERS - HELD)));
}

/** Steady only if the samples rule out more than GROWTH_MB an hour; that too few were taken is no proof. */
export function verdictOf({ perHour, error }: Slope): 'grows' | 'unclear' | 'steady' {
  if (perHour - error > GROWTH_MB) return 'grows';
  return perHour + error > GROWTH_MB ? 'unclear' : 'steady';
}

/** Of the line with the least squares through points (hours, MB); the error is two standard errors. */
export function slopeOf(points: readonly (readonly [number, number])[]): Slope {
  const count = points.length;
  if (count < 3) return { perHour: 0, error: Number.POSITIVE_INFINITY };
  const mean = (of: 0 | 1): number => points.reduce((sum, point) => sum + point[of], 0) / count;
  const [x0, y0] = [mean(0), mean(1)];
  const sxx = points.reduce((sum, [x]) => sum + (x - x0) ** 2, 0);
  const sxy = points.reduce((sum, [x, y]) => sum + (x - x0) * (y - y0), 0);
  const perHour = sxy / sxx;
  const rest = points.reduce((sum, [x, y]) => sum + (y - y0 - perHour * (x - x0)) ** 2, 0);
  return { perHour, error: 2 * Math.sqrt(rest / (count - 2) / sxx) };
}
