import type { BuilderPool } from '../../crds/builderpool.ts';
import { shortHash, truncated } from '../shared/names.ts';

/** Jobs, pods and Secrets are named after a machine, with something behind it. */
const MAX_NAME = 200;

/**
 * The name of the machine with this number. It follows from pool and number alone, unless the pool wants the time in
 * it, to the second: then two leaders at the same moment could make two, and only the fence around their writes
 * prevents it.
 */
export function machineName({ metadata, spec }: BuilderPool, id: number, now: number): string {
  const pattern = spec.namePattern.includes('{id}') ? spec.namePattern : `${spec.namePattern}-{id}`;
  const words: Record<string, string> = {
    '{pool_name}': metadata.name,
    '{id}': String(id).padStart(8, '0'),
    '{datetime}': datetime(now),
  };
  return objectName(pattern.replace(/\{(pool_name|id|datetime)\}/g, (word) => words[word] ?? word));
}

export function slotName(pool: string, host: string, slot: number): string {
  return objectName(`${pool}-${host}-${slot}`);
}

/** The same for a slot whose name another pool has: `a` with `b-c`, and `a-b` with `c`, are two pools. */
export function longSlotName(pool: string, host: string, slot: number): string {
  return objectName(`${pool}-${host}-${slot}-${shortHash(`${pool}/${host}/${slot}`)}`);
}

function datetime(now: number): string {
  return new Date(now)
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replaceAll(/[-:]/g, '')
    .replace('T', '-');
}

function objectName(text: string): string {
  const clean = text
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, '-')
    .replace(/[.-]*\.[.-]*/g, '.')
    .replace(/^[.-]+|[.-]+$/g, '');
  return clean.length <= MAX_NAME ? clean : `${truncated(clean, MAX_NAME - 11)}-${shortHash(clean)}`;
}
