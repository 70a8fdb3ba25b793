import type { Namespace } from '../operator/core.ts';

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
 * Two namespaces with one owner would write into each other's repositories. The namespace that really has the name
 * keeps it: no annotation takes it away. Among annotations the older namespace does (ties: the lesser name).
 */
export function ownerConflict(namespace: Namespace, all: readonly Namespace[]): string | undefined {
  const mine = ownerOf(namespace);
  if ('problem' in mine) return mine.problem;
  for (const other of all) {
    if (other.metadata.name === namespace.metadata.name) continue;
    const theirs = ownerOf(other);
    if ('problem' in theirs || theirs.owner !== mine.owner) continue;
    if (precedence(other) < precedence(namespace)) {
      return `owner "${mine.owner}" already belongs to namespace ${other.metadata.name}; give one of the two another ${OWNER_ANNOTATION} annotation`;
    }
  }
  return undefined;
}

function precedence(namespace: Namespace): string {
  const { annotations, creationTimestamp, name } = namespace.metadata;
  const claimed = annotations?.[OWNER_ANNOTATION] !== undefined && annotations[OWNER_ANNOTATION] !== name;
  return `${claimed ? 1 : 0} ${creationTimestamp ?? ''} ${name}`;
}
