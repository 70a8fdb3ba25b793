import type { RbacRule } from '../../operator/rbac.ts';

/** What a controller needs that runs Jobs and reads what they print. */
export const hookRbac: RbacRule[] = [
  { group: 'batch', resources: ['jobs'], verbs: ['get', 'list', 'watch', 'create', 'delete'], scope: 'builds' },
  { group: '', resources: ['pods'], verbs: ['get', 'list', 'watch'], scope: 'builds' },
  { group: '', resources: ['pods/log'], verbs: ['get'], scope: 'builds' },
];
