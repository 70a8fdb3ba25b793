import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Layout } from './layout.ts';
import type { Metrics } from './metrics.ts';
import { emptyDir, sweepOld, sweepStore } from './sweep.ts';

export interface HousekeepingOptions {
  layout: Layout;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  logRetentionMs: number;
}

/** One of 256 store directories per step: a whole round takes 21 hours and never loads the volume. */
const STEP_MS = 300_000;
const STORE_DIRS = 256;

/** Directories of the layout, and nothing in those that hold leftovers of a process that was killed. */
export async function prepareLayout(layout: Layout): Promise<void> {
  for (const dir of Object.values(layout)) await mkdir(dir, { recursive: true });
  await emptyDir(layout.tmp);
  await emptyDir(layout.trash);
}

/** One step; `step` picks the store directory. Exported for tests. */
export async function houseClean(options: HousekeepingOptions, step: number): Promise<void> {
  const { layout, clock, metrics, log } = options;
  const prefix = (step % STORE_DIRS).toString(16).padStart(2, '0');
  const swept = await sweepStore(join(layout.store, prefix), clock.now());
  metrics.sweptBytes.inc(swept.bytes);
  if (swept.files > 0) log.info({ prefix, ...swept }, 'unreferenced lookaside content removed');
  const before = clock.now() - options.logRetentionMs;
  // Records are kept as long as logs: by then no operator asks for the task any more.
  if (step % STORE_DIRS === 0) {
    await sweepOld(layout.logs, before);
    for (const dir of await readdir(layout.imports)) await sweepOld(join(layout.imports, dir), before);
  }
}

/** Runs until `signal` aborts. A step that fails is logged, and the next one comes in its time. */
export async function keepHouse(options: HousekeepingOptions, signal: AbortSignal): Promise<void> {
  for (let step = 0; !signal.aborted; step++) {
    try {
      await houseClean(options, step);
    } catch (error) {
      options.log.warn({ error: errorMessage(error) }, 'housekeeping failed');
    }
    await options.clock.sleep(STEP_MS, signal).catch(() => undefined);
  }
}
