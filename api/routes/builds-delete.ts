/** Deletion of several builds: all of them, or none. */
import type { Caller } from '../auth/access.ts';
import type { ProjectView } from '../cluster/index.ts';
import { isFinished } from '../history/live.ts';
import { ApiError } from '../http/errors.ts';
import type { Services } from '../services.ts';
import { type FoundBuild, findBuild } from './builds-find.ts';

/** Of a longer list those that are not known here are not looked for elsewhere. */
const FEW = 20;

export interface Sorted {
  /** One line for each kind of obstacle. */
  problems: string[];
  projects: { project: ProjectView; builds: number[] }[];
}

export async function sortForDeletion(
  services: Services,
  caller: Caller,
  numbers: readonly number[],
  signal: AbortSignal,
): Promise<Sorted> {
  const missing: number[] = [];
  const running: number[] = [];
  const forbidden: number[] = [];
  const persistent: number[] = [];
  const projects = new Map<string, { project: ProjectView; builds: number[] }>();
  for (const found of await findAll(services, numbers, signal)) {
    if (typeof found === 'number') {
      missing.push(found);
      continue;
    }
    const { row, live } = found;
    if (!(await services.rights.allows(caller, 'edit', found, signal))) forbidden.push(row.id);
    else if (found.project.spec.persistent) persistent.push(row.id);
    else if (live !== undefined && !isFinished(live)) running.push(row.id);
    const group = projects.get(found.uid) ?? { project: found, builds: [] };
    group.builds.push(row.id);
    projects.set(found.uid, group);
  }
  const problems = [
    line(forbidden, 'You are not allowed to delete builds'),
    line(persistent, 'These builds belong to persistent projects and cannot be deleted:'),
    line(running, 'These builds are still running:'),
    line(missing, 'These builds do not exist:'),
  ].filter((problem) => problem !== undefined);
  return { problems, projects: [...projects.values()] };
}

function line(numbers: readonly number[], words: string): string | undefined {
  return numbers.length === 0 ? undefined : `${words} ${numbers.join(', ')}`;
}

/** A number for each that does not exist. */
async function findAll(
  services: Services,
  numbers: readonly number[],
  signal: AbortSignal,
): Promise<(FoundBuild | number)[]> {
  const all: (FoundBuild | number)[] = [];
  for (const number of numbers) {
    try {
      all.push(await findBuild(services, number, signal, numbers.length <= FEW));
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      all.push(number);
    }
  }
  return all;
}
