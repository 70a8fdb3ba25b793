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
  /** Only objects with these names; absent: all. A create cannot be limited so: its object has no name yet. */
  resourceNames?: string[];
  /** cluster: every namespace. release: kopr's own namespace. builds: the namespace of the builder pods. */
  scope: 'cluster' | 'release' | 'builds';
}

/** What the runtime itself needs: its lease, and writing events about objects in any namespace. */
export const runtimeRbac: RbacRule[] = [
  { group: 'coordination.k8s.io', resources: ['leases'], verbs: ['create', 'get', 'patch'], scope: 'release' },
  { group: 'events.k8s.io', resources: ['events'], verbs: ['create', 'patch'], scope: 'cluster' },
];

/** One rule per group, resource, names and scope with the union of verbs, in a stable order. */
export function mergeRules(rules: readonly RbacRule[]): RbacRule[] {
  const merged = new Map<string, { rule: RbacRule; verbs: Set<string> }>();
  for (const rule of rules) {
    for (const resource of rule.resources) {
      const { group, scope, resourceNames } = rule;
      const names = resourceNames === undefined ? undefined : [...new Set(resourceNames)].sort();
      const id = `${scope} ${group} ${resource} ${names?.join(',') ?? ''}`;
      const named = names === undefined ? {} : { resourceNames: names };
      const entry = merged.get(id) ?? {
        rule: { group, resources: [resource], verbs: [], ...named, scope },
        verbs: new Set<string>(),
      };
      for (const verb of rule.verbs) entry.verbs.add(verb);
      merged.set(id, entry);
    }
  }
  return [...merged.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { rule, verbs }]) => ({ ...rule, verbs: [...verbs].sort() }));
}
