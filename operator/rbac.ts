/**
 * RBAC as data: each controller states what it may do, the chart's Roles are generated from these statements,
 * and what nobody states is not granted.
 */
export interface RbacRule {
  /** '' for the core group. */
  group: string;
  /** Plural names, with "/status" and the like for subresources. */
  resources: string[];
  verbs: string[];
  /** cluster: every namespace. release: kopr's own namespace. builds: the namespace of the builder pods. */
  scope: 'cluster' | 'release' | 'builds';
}

/** What the runtime itself needs: its lease, and writing events about objects in any namespace. */
export const runtimeRbac: RbacRule[] = [
  { group: 'coordination.k8s.io', resources: ['leases'], verbs: ['create', 'get', 'patch'], scope: 'release' },
  { group: 'events.k8s.io', resources: ['events'], verbs: ['create', 'patch'], scope: 'cluster' },
];

/** One rule per group, resource and scope with the union of verbs, in a stable order. */
export function mergeRules(rules: readonly RbacRule[]): RbacRule[] {
  const merged = new Map<string, { group: string; resource: string; scope: RbacRule['scope']; verbs: Set<string> }>();
  for (const rule of rules) {
    for (const resource of rule.resources) {
      const id = `${rule.scope} ${rule.group} ${resource}`;
      const entry = merged.get(id) ?? { group: rule.group, resource, scope: rule.scope, verbs: new Set<string>() };
      for (const verb of rule.verbs) entry.verbs.add(verb);
      merged.set(id, entry);
    }
  }
  return [...merged.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { group, resource, scope, verbs }]) => ({
      group,
      resources: [resource],
      verbs: [...verbs].sort(),
      scope,
    }));
}
