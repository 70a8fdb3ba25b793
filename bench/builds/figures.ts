/** Whole builds and long queues against a real API server, with the operator in a process of its own. */
import type { Figure } from '../ranges.ts';
import type { Level } from './queue.ts';
import { runQueue } from './queue.ts';
import type { Outcome } from './whole.ts';
import { runWhole } from './whole.ts';
import { ofKopr, total } from './writes.ts';

const STAGES = 10_000;
/** With pods, one in so many: nodes and garbage collector share the machine, and take most of the time. */
const WITH_PODS = 5;
const LEVELS = [1_000, 5_000, 10_000];
const PER_SECOND = 20;
const WRITES = 20;
const NEXT_POD_MS = 100;
const MEMORY_MB = 500;
/** Builds for which the target of memory holds while they wait. */
const MEMORY_AT_MOST = 10_000;

export async function buildFigures(stages = STAGES): Promise<Figure[]> {
  const simulated = await runWhole(stages, { builders: 'simulated' });
  const pods = await runWhole(stages / WITH_PODS, { builders: 'pods' });
  return [
    { name: 'whole builds, chroot builds', value: simulated.perSecond, unit: '/s', target: PER_SECOND, rough: true },
    ...costs('chroot build', simulated),
    { name: 'whole builds with pods, chroot builds', value: pods.perSecond, unit: '/s', rough: true },
    ...costs('chroot build with its pod', pods),
  ];
}

function costs(what: string, { writes, cpu, cpuOfAll, stages, peak }: Outcome): Figure[] {
  return [
    { name: `API writes of kopr, ${what}`, value: total(ofKopr(writes)) / stages, unit: 'writes', target: WRITES },
    { name: `API writes of all, ${what}`, value: total(writes) / stages, unit: 'writes' },
    { name: `CPU of the operator, ${what}`, value: cpu, unit: 'ms', rough: true },
    { name: `CPU of everything, ${what}`, value: cpuOfAll, unit: 'ms', rough: true },
    { name: `memory of the operator, ${what}`, value: peak, unit: 'MB', target: MEMORY_MB, rough: true },
  ];
}

export async function queueFigures(levels: readonly number[] = LEVELS): Promise<Figure[]> {
  return (await runQueue(levels)).flatMap(figuresOf);
}

/** One write more or less is not the operator's doing: what one takes meanwhile, at its worst too, is added to the target. */
function figuresOf({ queued, perSecond, cpu, memory, next, fromPod, write }: Level): Figure[] {
  const at = `${queued / 1000}k builds queued`;
  return [
    { name: `${at}, taken in`, value: perSecond, unit: '/s', rough: true },
    { name: `${at}, CPU of the operator for each`, value: cpu, unit: 'ms', rough: true },
    {
      name: `${at}, memory of the operator`,
      value: memory.peak,
      unit: 'MB',
      ...(queued <= MEMORY_AT_MOST ? { target: MEMORY_MB } : {}),
      rough: true,
    },
    { name: `${at}, in use of it`, value: memory.heap, unit: 'MB', rough: true },
    { name: `${at}, one write, p50`, value: write.p50, unit: 'ms', rough: true },
    { name: `${at}, one write, p99`, value: write.p99, unit: 'ms', rough: true },
    { name: `${at}, builder free to next pod, p50`, value: next.p50, unit: 'ms', rough: true },
    {
      name: `${at}, builder free to next pod, p99`,
      value: next.p99,
      unit: 'ms',
      target: NEXT_POD_MS + write.p99,
      rough: true,
    },
    { name: `${at}, pod ended to next pod, p99`, value: fromPod.p99, unit: 'ms', rough: true },
  ];
}
