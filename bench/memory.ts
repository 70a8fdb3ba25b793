/** Prints the resident memory, in MB, of a process that has scheduled over so many waiting stages for a while. */

import { NOW } from '../controllers/testing/objects.ts';
import { schedule } from '../controllers/ticket/schedule.ts';
import { observerOver } from './scheduler.ts';

const CYCLES = 100;

const observe = observerOver(Number(process.argv[2]), 0);
for (let cycle = 0; cycle < CYCLES; cycle++) schedule(observe(), NOW);
process.stdout.write(`${process.memoryUsage().rss / 1e6}\n`);
