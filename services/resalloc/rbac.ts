import type { RbacRule } from '../../operator/rbac.ts';

/** ConfigMap with the counter that the numbers of tickets are taken from. */
export const TICKET_COUNTER = 'kopr-resalloc-ids';

/** All that this service may do; an admission policy of the chart limits it to tickets of its own kind. */
export const resallocRbac: RbacRule[] = [
  {
    group: 'kopr.dev',
    resources: ['buildertickets'],
    verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    scope: 'release',
  },
  { group: '', resources: ['configmaps'], verbs: ['create'], scope: 'release' },
  { group: '', resources: ['configmaps'], verbs: ['get', 'patch'], resourceNames: [TICKET_COUNTER], scope: 'release' },
];
