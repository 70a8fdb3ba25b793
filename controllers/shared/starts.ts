import type { Builder } from '../../crds/builder.ts';

/** What happens inside a pod that has started says nothing about the pool: sources that crash the fetcher, for one. */
const NOT_THE_POOL = new Set(['BuilderFailed', 'OutOfMemory', 'DiskFull', 'TimedOut', 'DirectoryInUse']);

/**
 * The pool has failed to start this Builder. Builders that a tenant's own input has broken do not count: else one
 * tenant could make a pool pause for all of them.
 */
export function isFailedStart({ status }: Builder): boolean {
  if (status?.phase !== 'Lost' || status.startedAt !== undefined) return false;
  return !NOT_THE_POOL.has(status.reason ?? '');
}
