import { apiFigures } from './api/figures.ts';
import { buildFigures, queueFigures } from './builds/figures.ts';
import { dispatchFigures } from './dispatch.ts';
import type { Figure } from './ranges.ts';
import { schedulerFigures } from './scheduler.ts';
import { ticketFigures } from './tickets/figures.ts';

export interface Part {
  name: string;
  /** For --help. */
  what: string;
  /** @param quick with a tenth of what the targets are about */
  measure(quick: boolean): Promise<Figure[]>;
  /** Short enough to be measured again when it was not good enough: a neighbour may have been busy. */
  again?: true;
}

export const PARTS: readonly Part[] = [
  {
    name: 'scheduler',
    what: 'decisions with 1,000 to 50,000 waiting stages, in memory',
    measure: schedulerFigures,
    again: true,
  },
  {
    name: 'dispatch',
    what: 'the scheduler against a real API server: a burst of stages, and single ones',
    measure: dispatchFigures,
    again: true,
  },
  {
    name: 'tickets',
    what: 'tickets of 1 and 30 clients to their end, with warm machines, scheduler in a process of its own',
    measure: ticketFigures,
    again: true,
  },
  {
    name: 'builds',
    what: '10,000 chroot builds from Build to finished: rate, API writes, CPU; operator in a process of its own',
    measure: (quick) => buildFigures(quick ? 1_000 : 10_000),
  },
  {
    name: 'queue',
    what: '1,000, 5,000 and 10,000 Builds queued: memory of the operator, builder free to next pod',
    measure: (quick) => queueFigures(quick ? [250, 500, 1_000] : [1_000, 5_000, 10_000]),
  },
  {
    name: 'api',
    what: 'the REST API in front of 5,000 projects and 100,000 builds',
    measure: apiFigures,
  },
];
