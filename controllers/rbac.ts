import type { RbacRule } from '../operator/rbac.ts';
import { mergeRules, runtimeRbac } from '../operator/rbac.ts';
import { buildRbac } from './build/index.ts';
import { builderRbac } from './builder/index.ts';
import { chrootBuildRbac } from './chrootbuild/index.ts';
import { fleetRbac } from './fleet/index.ts';
import { machineRbac } from './machine/index.ts';
import { orphanRbac } from './orphan/index.ts';
import { packageRbac } from './package/index.ts';
import { placeholderRbac } from './placeholder/index.ts';
import { poolRbac } from './pool/index.ts';
import { projectRbac } from './project/index.ts';
import { removalRbac } from './removal/index.ts';
import { retentionRbac } from './retention/index.ts';
import { ticketRbac } from './ticket/index.ts';
import { uploadRbac } from './upload/index.ts';

/** All that the operator may do. The chart's Roles are generated from it; what is not here is not granted. */
export const ALL_RULES: RbacRule[] = mergeRules([
  ...runtimeRbac,
  ...buildRbac,
  ...builderRbac,
  ...chrootBuildRbac,
  ...fleetRbac,
  ...machineRbac,
  ...orphanRbac,
  ...packageRbac,
  ...placeholderRbac,
  ...poolRbac,
  ...projectRbac,
  ...removalRbac,
  ...retentionRbac,
  ...ticketRbac,
  ...uploadRbac,
]);
