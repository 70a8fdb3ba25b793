import type { Namespace } from '../../operator/core.ts';

/** Annotation of a *Namespace* (not of a tenant's own objects: it decides whose repositories are written). */
export const OWNER_ANNOTATION = 'kopr.dev/owner';

const OWNER = /^@?[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/** The owner whose projects live in this namespace, or a sentence that says why there is none. */
export function ownerOf(namespace: Namespace): { owner: string } | { problem: string } {
  const annotated = namespace.metadata.annotations?.[OWNER_ANNOTATION];
  const owner = annotated ?? namespace.metadata.name;
  if (OWNER.test(owner)) return { owner };
  return {
    problem: `annotation ${OWNER_ANNOTATION} of namespace ${namespace.metadata.name} is "${owner}"; an owner is letters, digits, ".", "_" and "-", with "@" in front for a group`,
  };
}

/**
 * Two namespaces with one owner would write into each other's repositories. The older namespace keeps the name
 * (ties: the lesser name); the other one gets a sentence.
 */
export function ownerConflict(namespace: Namespace, all: readonly Namespace[]): string | undefined {
  const mine = ownerOf(namespace);
  if ('problem' in mine) return mine.problem;
  for (const other of all) {
    if (other.metadata.name === namespace.metadata.name) continue;
    const theirs = ownerOf(other);
    if ('problem' in theirs || theirs.owner !== mine.owner) continue;
    if (age(other) < age(namespace)) {
      return `owner "${mine.owner}" already belongs to namespace ${other.metadata.name}; give one of the two another ${OWNER_ANNOTATION} annotation`;
    }
  }
  return undefined;
}

function age(namespace: Namespace): string {
  return `${namespace.metadata.creationTimestamp ?? ''} ${namespace.metadata.name}`;
}
