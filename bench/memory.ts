/** Prints the resident memory, in MB, of a process that has scheduled over so many waiting stages for a while. */

import { NOW } from '../controllers/testing/objects.ts';
import { decide } from '../controllers/ticket/decide.ts';
import { outlookOf } from '../controllers/ticket/outlook.ts';
import { systemClock } from '../lib/clock.ts';
import { SchedulerCaches } from './schedulerCaches.ts';

const CYCLES = 100;
const OUTLOOKS = 10;

const caches = new SchedulerCaches({ waiting: Number(process.argv[2]), free: 0 });
for (let cycle = 0; cycle < CYCLES; cycle++) {
  for (const change of caches.changes()) change();
  caches.carryOut(decide(caches.observe(), NOW).assign);
  if (cycle % (CYCLES / OUTLOOKS) === 0) {
    await outlookOf(caches.observe(), { clock: systemClock, signal: new AbortController().signal });
  }
}
process.stdout.write(`${process.memoryUsage().rss / 1e6}\n`);
