import type { Counts } from './counts.ts';
import type { Quota } from './world.ts';

/** A limit that one more stage would exceed. */
export interface Exceeded {
  /** How many there are, and how many there may be. */
  count: number;
  max: number;
  /** One sentence for the user: which limit, who has set it, what can be done. */
  message: () => string;
}

/** A quota, and what sentences say of where it is written. */
export interface QuotaSource {
  quota: Quota;
  isDefault: boolean;
}

export function ownerLimit(
  owner: string,
  { quota, isDefault }: QuotaSource,
  counts: Counts | undefined,
  architecture: string,
  tags: readonly string[],
): Exceeded | undefined {
  if (counts === undefined && !hasZero(quota)) return undefined;
  return (
    check(counts?.running, quota.maxRunning, `owner ${owner}`, '', 'maxRunning', source(owner, isDefault)) ??
    byName(counts, quota, architecture, tags, `owner ${owner}`, '', source(owner, isDefault))
  );
}

export function sandboxLimit(
  sandbox: string,
  owner: string,
  { quota, isDefault }: QuotaSource,
  count: number,
): Exceeded | undefined {
  const who = `project ${sandbox}`;
  return check(count, quota.maxRunningPerSandbox, who, '', 'maxRunningPerSandbox', source(owner, isDefault));
}

export function namespaceLimit(
  namespace: string,
  { quota, isDefault }: QuotaSource,
  count: number,
): Exceeded | undefined {
  const where = isDefault ? DEFAULT : `the BuildQuota in namespace ${namespace}`;
  return check(count, quota.maxRunningPerNamespace, `namespace ${namespace}`, '', 'maxRunningPerNamespace', where);
}

export function totalLimit(
  total: NonNullable<Quota['total']>,
  counts: Counts,
  architecture: string,
  tags: readonly string[],
): Exceeded | undefined {
  const who = 'all owners together';
  return (
    check(counts.running, total.maxRunning, who, '', 'total.maxRunning', DEFAULT) ??
    byName(counts, total, architecture, tags, who, 'total.', DEFAULT)
  );
}

const DEFAULT = 'the default BuildQuota of this installation';

function source(owner: string, isDefault: boolean): string {
  return isDefault ? DEFAULT : `the BuildQuota of ${owner}`;
}

function byName(
  counts: Counts | undefined,
  limits: Pick<Quota, 'architectures' | 'tags'>,
  architecture: string,
  tags: readonly string[],
  who: string,
  prefix: string,
  where: string,
): Exceeded | undefined {
  for (const { name, max } of limits.architectures ?? []) {
    if (name !== architecture) continue;
    const found = check(counts?.ofArchitecture(name), max, who, ` on ${name}`, `${prefix}architectures`, where);
    if (found !== undefined) return found;
  }
  for (const { name, max } of limits.tags ?? []) {
    if (!tags.includes(name)) continue;
    const found = check(counts?.ofTag(name), max, who, ` with tag ${name}`, `${prefix}tags`, where);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * The words hold no count that changes from build to build: thousands of tickets may wait for the same limit, and each
 * is told when its words change.
 */
function check(
  count = 0,
  max: number | undefined,
  who: string,
  what: string,
  field: string,
  where: string,
): Exceeded | undefined {
  if (max === undefined || count < max) return undefined;
  const message = (): string =>
    max === 0
      ? `by quota ${who} may run no stages${what} (${field} of ${where}); whoever administers kopr can raise the limit`
      : `by quota ${who} may run ${max} stages${what} at the same time (${field} of ${where}), so it waits for one that runs or comes first to end; whoever administers kopr can raise the limit`;
  return { count, max, message };
}

function hasZero({ maxRunning, architectures = [], tags = [] }: Quota): boolean {
  return maxRunning === 0 || architectures.some(({ max }) => max === 0) || tags.some(({ max }) => max === 0);
}
