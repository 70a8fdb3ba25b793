import { readdirSync, readFileSync } from 'node:fs';
import { cpuOf } from '../api/load.ts';

/** Milliseconds of processor that a process and all below it have used; what has ended by now is not counted. */
export function cpuOfTree(root: number): number {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const parent = parentOf(pid);
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const sum = (pid: number): number =>
    (children.get(pid) ?? []).reduce((total, child) => total + sum(child), safely(() => cpuOf(pid)) ?? 0);
  return sum(root);
}

function parentOf(pid: number): number | undefined {
  const stat = safely(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const field = stat?.split(') ')[1]?.split(' ')[1];
  return field === undefined ? undefined : Number(field);
}

/** Processes end while one looks at them. */
function safely<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
