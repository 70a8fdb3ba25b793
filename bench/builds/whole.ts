/** Whole builds: how fast, and with how many writes, the operator takes thousands of them from Build to finished. */
import { Builds } from '../../crds/build.ts';
import { isComplete } from '../../crds/states.ts';
import { cpuOfTree } from './cpu.ts';
import type { Site } from './site.ts';
import { CHROOTS, startSite } from './site.ts';
import { submitOne } from './submit.ts';
import type { Writes } from './writes.ts';
import { countWrites, difference } from './writes.ts';

/** As short as a stage that compiles nothing: shorter ones would end before the operator has shown that they run. */
const LIVES = { startMs: 500, buildMs: 2_000 };
const PLACES = 200;
/** Builds that are under way at any time: more stages than can be finished in the time that one takes. */
const UNDER_WAY = 100;
const STAGES = CHROOTS.length + 1;
/** A machine on which one takes longer than this is too busy to be measured on. */
const LONGEST_MS_EACH = 300;

export interface Outcome {
  /** ChrootBuilds: those for sources are counted too, since each has a ticket, a builder and a pod of its own. */
  stages: number;
  perSecond: number;
  /** During the whole run, by whomever. */
  writes: Writes;
  /** Milliseconds of processor time for each: of the operator; of it, the API server, etcd and all that is played. */
  cpu: number;
  cpuOfAll: number;
  /** MB of the operator, at most. */
  peak: number;
}

export interface WholeOptions {
  builders: 'pods' | 'simulated';
  /** Directory for a profile of the operator's processor time. */
  profile?: string;
}

export async function runWhole(stages: number, { builders, profile }: WholeOptions): Promise<Outcome> {
  const prepare = (world: Site['world']): void => void world.store(Builds);
  const site = await startSite({ pool: { max: PLACES, maxStarting: PLACES }, lives: LIVES, builders, prepare });
  try {
    const operator = await site.startOperator(profile === undefined ? {} : { profile });
    const builds = Math.ceil(stages / STAGES);
    const made = builds * STAGES;
    const before = { writes: await countWrites(site.client), cpu: operator.cpu(), cpuOfAll: cpuOfTree(process.pid) };
    const started = performance.now();
    await operator.during(finish(site, builds, started + made * LONGEST_MS_EACH + 60_000));
    const seconds = (performance.now() - started) / 1000;
    return {
      stages: made,
      perSecond: made / seconds,
      writes: difference(before.writes, await countWrites(site.client)),
      cpu: (operator.cpu() - before.cpu) / made,
      cpuOfAll: (cpuOfTree(process.pid) - before.cpuOfAll) / made,
      peak: operator.memory().peak,
    };
  } finally {
    await site.stop();
  }
}

/** Submits so many Builds, the next one whenever one has ended, and resolves with the end of the last. */
async function finish(site: Site, count: number, until: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let [submitted, done] = [0, 0];
  const submitNext = (): void => {
    if (submitted < count) submitOne(site.client, 'build', submitted++).catch(reject);
  };
  const timer = setTimeout(
    () => reject(new Error(`${done} of ${count} Builds have ended in time`)),
    until - performance.now(),
  );
  const end = site.world.store(Builds).subscribe(({ old, now }) => {
    if (now === undefined || !isComplete(now) || isComplete(old)) return;
    const { state, reason } = now.status ?? {};
    if (state !== 'succeeded') reject(new Error(`Build ${now.metadata.name} ${state}: ${reason}`));
    done++;
    if (done === count) resolve();
    submitNext();
  });
  try {
    for (let index = 0; index < UNDER_WAY; index++) submitNext();
    await promise;
  } finally {
    clearTimeout(timer);
    end();
  }
}
