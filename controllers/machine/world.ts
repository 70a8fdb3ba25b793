import type { Builder, Claim, StageClaim } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { Job, Pod } from '../../operator/core.ts';
import type { Installation } from '../builder/world.ts';
import type { ClaimedStage } from '../shared/stage.ts';

export type MachineStatus = NonNullable<Builder['status']>;
export type Session = NonNullable<MachineStatus['session']>;

/** Everything a decision about one machine is made from. */
export interface MachineWorld {
  builder: Builder;
  pool: BuilderPool | undefined;
  claim: Claim | undefined;
  /** The ticket of the claim, if it is still there. */
  ticket: BuilderTicket | undefined;
  /** The stage that it is claimed for; undefined for clients of Resalloc. */
  stage: (ClaimedStage & { claim: StageClaim }) | undefined;
  /** The pod that drives the machine for the ticket of the claim, or of the last session. */
  pod: Pod | undefined;
  /** Jobs of this very machine, and their pods. */
  jobs: readonly Job[];
  jobPods: readonly Pod[];
  /** Jobs of an earlier machine of the same name. */
  strangers: readonly Job[];
  installation: Pick<Installation, 'builderImage' | 'builderImagePullPolicy' | 'hostAliases'>;
  facts: Facts;
}

/** What an earlier plan of the same reconcile has asked for. */
export interface Facts {
  /** The log of a Job that has ended, by its uid; undefined when it can no longer be had. */
  log?: { jobUID: string; pods: readonly Pod[]; text: string | undefined };
  /** Whether the publisher refuses the token of the attempt by now. */
  forgotten?: boolean;
}
