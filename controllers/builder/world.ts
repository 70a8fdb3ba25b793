import type { Builder, StageClaim } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { Pod } from '../../operator/core.ts';
import type { ClaimedStage } from '../shared/stage.ts';

/** Everything a decision about one Builder is made from. */
export interface BuilderWorld extends ClaimedStage {
  builder: Builder;
  /** The stage that it is for. */
  claim: StageClaim;
  pool: BuilderPool | undefined;
  /** The ticket, if it is still the one this Builder was made for. */
  ticket: BuilderTicket | undefined;
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
