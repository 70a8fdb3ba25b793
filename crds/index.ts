import { buildKind } from './build.ts';
import { builderKind } from './builder.ts';
import { builderPoolKind } from './builderpool.ts';
import { builderTicketKind } from './builderticket.ts';
import { buildQuotaKind } from './buildquota.ts';
import { chrootKind } from './chroot.ts';
import { chrootBuildKind } from './chrootbuild.ts';
import { packageKind } from './package.ts';
import { projectKind } from './project.ts';
import { removalKind } from './removal.ts';

/** Every kind of the API, in the order of the reference. */
export const ALL_KINDS = [
  projectKind,
  packageKind,
  buildKind,
  chrootBuildKind,
  removalKind,
  builderTicketKind,
  builderPoolKind,
  builderKind,
  chrootKind,
  buildQuotaKind,
] as const;
