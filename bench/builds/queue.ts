/**
 * A queue of thousands of Builds: what the operator needs to hold it, and how soon the next one gets the place of a
 * builder that is free. There is one place, so that each end has one successor.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Builders } from '../../crds/builder.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import type { ApiClient } from '../../operator/client.ts';
import { Pods, Secrets } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import type { Sample } from '../measure.ts';
import { summarize } from '../measure.ts';
import type { OperatorProcess } from './operator.ts';
import { HEAP_MB } from './operator.ts';
import type { Site } from './site.ts';
import { BUILDS, startSite } from './site.ts';
import { openTickets, submit, untilQueued } from './submit.ts';

const SAMPLES = 150;
/** The first ones come while the last of the queue is still being taken in. */
const WARM_UP = 5;
/** Short, for the sake of time; long enough for what comes after a build not to be all that the machine does. */
const BUILD_MS = 500;
const SAMPLES_MS = 180_000;
/** Often enough to know how long a write takes, and seldom enough not to be in the way. */
const WRITE_EACH_MS = 200;
/** MB of the operator's heap for each Build that waits: 9 kB are in use, and the collector of garbage needs room. */
const HEAP_EACH_MB = 0.02;

export interface Level {
  queued: number;
  /** Builds that were taken in a second while the queue was filled. */
  perSecond: number;
  /** Milliseconds of the operator's processor time for each of them. */
  cpu: number;
  /** MB of the operator: the most that were resident so far, and what is left after garbage is collected. */
  memory: { peak: number; rss: number; heap: number };
  /** Milliseconds from the end of a builder, as its Builder says it, to the next pod. */
  next: Sample;
  /** The same from the end of the pod. */
  fromPod: Sample;
  /** Of one write meanwhile: a Secret is created. */
  write: Sample;
}

export async function runQueue(levels: readonly number[]): Promise<Level[]> {
  const site = await startSite({
    pool: { max: 0 },
    lives: { startMs: 0, buildMs: BUILD_MS },
    prepare: (world) => void world.store(BuilderTickets),
  });
  try {
    const heapMB = Math.max(HEAP_MB, ...levels.map((queued) => Math.ceil(queued * HEAP_EACH_MB)));
    const operator = await site.startOperator({ heapMB });
    const outcome: Level[] = [];
    for (const [index, queued] of levels.entries()) {
      outcome.push(await operator.during(level(site, operator, queued, index)));
    }
    return outcome;
  } finally {
    await site.stop();
  }
}

async function level(site: Site, operator: OperatorProcess, queued: number, index: number): Promise<Level> {
  const missing = queued - openTickets(site.world);
  const cpu = operator.cpu();
  const started = performance.now();
  await submit(site.client, missing, `level-${index}`);
  await untilQueued(site.world, queued);
  const seconds = (performance.now() - started) / 1000;
  const used = operator.cpu() - cpu;
  const timings = await successors(site);
  const memory = { ...(await operator.collected()), peak: operator.memory().peak };
  return { queued, perSecond: missing / seconds, cpu: used / missing, memory, ...timings };
}

async function successors(site: Site): Promise<Pick<Level, 'next' | 'fromPod' | 'write'>> {
  const { client, world } = site;
  const watch = watchPlace(world);
  const writes: number[] = [];
  try {
    await setPlaces(client, 1);
    const until = performance.now() + SAMPLES_MS;
    while (watch.next.length < WARM_UP + SAMPLES) {
      if (performance.now() > until)
        throw new Error(`a free builder had ${watch.next.length} successors in ${SAMPLES_MS} ms`);
      await sleep(WRITE_EACH_MS);
      writes.push(await timeWrite(client));
    }
  } finally {
    watch.end();
    await setPlaces(client, 0);
  }
  return {
    next: summarize(watch.next.slice(WARM_UP)),
    fromPod: summarize(watch.fromPod.slice(WARM_UP)),
    write: summarize(writes),
  };
}

/** Both moments as one watcher sees them. */
function watchPlace(world: Manager): { next: number[]; fromPod: number[]; end: () => void } {
  const next: number[] = [];
  const fromPod: number[] = [];
  let free: number | undefined;
  let podEnded: number | undefined;
  const ends = [
    world.store(Builders).subscribe(({ old, now }) => {
      if (now?.status?.phase === 'Ended' && old?.status?.phase !== 'Ended') free = performance.now();
    }),
    world.store(Pods).subscribe(({ old, now }) => {
      if (now?.status?.phase === 'Succeeded' && old?.status?.phase !== 'Succeeded') podEnded = performance.now();
      if (old !== undefined || now === undefined) return;
      if (free !== undefined) next.push(performance.now() - free);
      if (podEnded !== undefined) fromPod.push(performance.now() - podEnded);
      free = podEnded = undefined;
    }),
  ];
  const end = (): void => {
    for (const stop of ends) stop();
  };
  return { next, fromPod, end };
}

async function setPlaces(client: ApiClient, max: number): Promise<void> {
  await client.mergePatch(BuilderPools, `${BUILDS}/default`, { spec: { max } });
}

let serial = 0;

async function timeWrite(client: ApiClient): Promise<number> {
  serial += 1;
  const name = `bench-${serial}`;
  const started = performance.now();
  await client.create(Secrets, {
    metadata: { name, namespace: BUILDS },
    data: { a: Buffer.alloc(1_000).toString('base64') },
  });
  const took = performance.now() - started;
  await client.delete(Secrets, `${BUILDS}/${name}`);
  return took;
}
