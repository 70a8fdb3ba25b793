import type { Builder, StageClaim } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { Chroot } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import type { Project } from '../../crds/project.ts';
import type { Pod } from '../../operator/core.ts';

/** Everything a decision about one Builder is made from. */
export interface BuilderWorld {
  builder: Builder;
  /** The stage that it is for. */
  claim: StageClaim;
  pool: BuilderPool | undefined;
  /** The ticket, if it is still the one this Builder was made for. */
  ticket: BuilderTicket | undefined;
  chrootBuild: ChrootBuild | undefined;
  project: Project | undefined;
  /** Undefined for the source stage, or when it is gone. */
  chroot: Chroot | undefined;
  pod: Pod | undefined;
}

/** What builder pods need to know of the installation. */
export interface Installation {
  buildsNamespace: string;
  builderImage: string;
  builderImagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  hostAliases: readonly { ip: string; hostnames: string[] }[];
  publisherURL: string;
  distgitURL: string;
  resultsInternalURL: string;
  vendor: string;
}
