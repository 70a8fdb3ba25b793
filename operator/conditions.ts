/** metav1.Condition and the only rules that are easy to get wrong about it. */
export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  /** CamelCase, never empty: the API server refuses an empty one. */
  reason: string;
  message: string;
  lastTransitionTime: string;
  observedGeneration?: number;
}

export type NewCondition = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/**
 * A copy of `list` with one condition set. `lastTransitionTime` moves only when the status flips, so that the
 * result is deep-equal to the input when nothing happened and the status write can be skipped.
 * `nowTimestamp` is RFC 3339 in UTC.
 */
export function setCondition(
  list: readonly Condition[] | undefined,
  next: NewCondition,
  generation: number | undefined,
  nowTimestamp: string,
): Condition[] {
  const previous = findCondition(list, next.type);
  const condition: Condition = {
    type: next.type,
    status: next.status,
    reason: next.reason,
    message: next.message,
    lastTransitionTime: previous?.status === next.status ? previous.lastTransitionTime : nowTimestamp,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
  if (!previous) return [...(list ?? []), condition];
  return (list ?? []).map((existing) => (existing.type === next.type ? condition : existing));
}

export function findCondition(list: readonly Condition[] | undefined, type: string): Condition | undefined {
  return list?.find((condition) => condition.type === type);
}

/** True when the condition exists and its status is "True". */
export function isTrue(list: readonly Condition[] | undefined, type: string): boolean {
  return findCondition(list, type)?.status === 'True';
}

/** True when the condition exists and its status is "False". */
export function isFalse(list: readonly Condition[] | undefined, type: string): boolean {
  return findCondition(list, type)?.status === 'False';
}
