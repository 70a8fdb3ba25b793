import { BUILD_COUNTER, PROJECT_COUNTER } from '../crds/names.ts';
import type { RbacRule } from '../operator/rbac.ts';

/** Numbers of Builds and Projects are taken from these ConfigMaps by the API and by the operator alike. */
const COUNTERS = [BUILD_COUNTER, PROJECT_COUNTER];

/** All that the API may do. The chart's Roles are generated from it; what is not here is not granted. */
export const apiRbac: RbacRule[] = [
  {
    group: 'kopr.dev',
    resources: ['projects', 'packages', 'builds', 'chrootbuilds', 'chroots', 'removals', 'buildquotas'],
    verbs: ['get', 'list', 'watch'],
    scope: 'cluster',
  },
  // What users do through it. Statuses are the operator's, chroots and pools those of the administrators.
  {
    group: 'kopr.dev',
    resources: ['projects', 'packages', 'builds', 'removals'],
    verbs: ['create', 'patch', 'delete'],
    scope: 'cluster',
  },
  // Namespaces of new owners with the objects of their template, by server-side apply.
  { group: '', resources: ['namespaces'], verbs: ['get', 'list', 'watch', 'create', 'patch'], scope: 'cluster' },
  { group: '', resources: ['resourcequotas', 'limitranges'], verbs: ['create', 'patch'], scope: 'cluster' },
  { group: 'networking.k8s.io', resources: ['networkpolicies'], verbs: ['create', 'patch'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['buildquotas'], verbs: ['create', 'patch'], scope: 'cluster' },
  // Who a ServiceAccount's token belongs to, and what that account may do.
  { group: 'authentication.k8s.io', resources: ['tokenreviews'], verbs: ['create'], scope: 'cluster' },
  { group: 'authorization.k8s.io', resources: ['subjectaccessreviews'], verbs: ['create'], scope: 'cluster' },
  { group: '', resources: ['configmaps'], verbs: ['create'], scope: 'release' },
  { group: '', resources: ['configmaps'], verbs: ['get', 'patch'], resourceNames: COUNTERS, scope: 'release' },
];
