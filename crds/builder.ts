import { z } from 'zod';
import { cel, conditions, objectName, observedGeneration, rules, timestamp } from './common.ts';
import type { ResourceOf } from './kind.ts';
import { defineKind, resourceType } from './kind.ts';

const machine = z
  .object({
    index: z
      .int()
      .min(0)
      .max(100_000)
      .describe('Lowest number that no other machine of the pool had when it was made.'),
    host: objectName.optional().describe('Machine of the inventory (provider "hosts").'),
    slot: z
      .int()
      .min(1)
      .max(1000)
      .optional()
      .describe('Which of the builds that it may run at once (provider "hosts").'),
    counters: z
      .record(z.string().max(63), z.int().min(0))
      .meta({ maxProperties: 10 })
      .optional()
      .describe('Its numbers in the named counters of its pool.'),
  })
  .describe('A machine that outlives a single stage; absent: a pod for one stage.');

export const builderSpec = z
  .object({
    pool: objectName.describe('BuilderPool in the same namespace.'),
    machine: machine.optional(),
    ticket: z
      .object({
        namespace: objectName.describe('Namespace of the ticket.'),
        name: objectName.describe('Name of the ticket.'),
        uid: z.string().max(64).describe('Its uid.'),
      })
      .optional()
      .describe('The ticket that this builder serves; absent while a machine is free.'),
    chrootBuild: z
      .object({
        namespace: objectName.describe('Namespace of the ChrootBuild.'),
        name: objectName.describe('Name of the ChrootBuild.'),
        uid: z.string().max(64).describe('Its uid.'),
      })
      .optional()
      .describe('The stage that is built; absent while a machine is free, or lent to a client of Resalloc.'),
    attempt: z.int().min(1).max(99).optional().describe('Attempt of that stage.'),
    sandbox: z
      .string()
      .max(600)
      .optional()
      .describe(
        'Trust domain of the builder. A machine gets it with its first ticket, and keeps it for its whole life.',
      ),
    architecture: z.string().max(64).describe('Architecture of the builder.'),
  })
  .meta({
    description: 'Desired state of a builder. Written by kopr.',
    ...rules(
      cel(
        'has(self.machine) || self == oldSelf',
        'a Builder that is a pod serves one stage for its whole life; its spec cannot be changed',
      ),
      cel(
        'has(self.machine) || (has(self.ticket) && has(self.chrootBuild) && has(self.attempt) && has(self.sandbox))',
        'a Builder that is a pod is made for one stage: it needs ticket, chrootBuild, attempt and sandbox',
      ),
      cel(
        'has(self.machine) == has(oldSelf.machine) && self.pool == oldSelf.pool && self.architecture == oldSelf.architecture',
        'pool, machine and architecture of a Builder cannot be changed',
      ),
      cel(
        '!has(oldSelf.sandbox) || (has(self.sandbox) && self.sandbox == oldSelf.sandbox)',
        'a builder belongs to one sandbox for its whole life',
      ),
      cel(
        '!has(oldSelf.ticket) || !has(self.ticket) || self.ticket.uid == oldSelf.ticket.uid',
        'a machine must be released before it can serve another ticket',
      ),
      cel('!has(self.ticket) || has(self.sandbox)', 'a machine that serves a ticket needs the sandbox of the ticket'),
    ),
  });

const session = z
  .object({
    ticket: z.string().max(64).describe('The uid of the ticket.'),
    phase: z
      .enum(['Starting', 'Running', 'Ended', 'Lost'])
      .describe(
        'As the phase of a builder that is a pod: Ended means that the pod that drives the build ran to its end.',
      ),
    reason: z.string().max(128).optional().describe('Why, one CamelCase word.'),
    message: z.string().max(1024).optional().describe('Why, one sentence.'),
    pod: z.string().max(253).optional().describe('Name of the pod that drives the build over SSH.'),
    node: z.string().max(253).optional().describe('Node that this pod runs on.'),
    startedAt: timestamp.optional().describe('When the build began.'),
    endedAt: timestamp.optional().describe('When it ended or was lost.'),
  })
  .describe('The stage that a machine works on, or last worked on.');

export const builderStatus = z
  .object({
    observedGeneration,
    conditions,
    phase: z
      .enum(['Starting', 'Ready', 'Running', 'Releasing', 'Deleting', 'Ended', 'Lost'])
      .optional()
      .describe(
        'Pods: Starting, Running, Ended (ran to its end) or Lost (never started, vanished, or was killed). Machines: Starting, Ready (free), Running (serves a ticket), Releasing (is being cleaned), Deleting, or Lost (not to be used again).',
      ),
    reason: z.string().max(128).optional().describe('Why, one CamelCase word.'),
    message: z.string().max(1024).optional().describe('Why, one sentence.'),
    pod: z.string().max(253).optional().describe('Name of the pod.'),
    node: z.string().max(253).optional().describe('Node it runs on.'),
    startedAt: timestamp.optional().describe('When the build container started; of a machine: when it became ready.'),
    endedAt: timestamp.optional().describe('When it ended or was lost.'),
    address: z.string().max(300).optional().describe('Host and port at which SSH reaches the machine.'),
    user: z.string().max(64).optional().describe('User that SSH logs in as.'),
    hostKeys: z
      .array(z.string().max(4096))
      .max(8)
      .optional()
      .describe('Its SSH host keys, each as type and base64. No other key is accepted.'),
    data: z.string().max(8192).optional().describe('Output of the hook "new", in base64.'),
    uses: z.int().min(0).optional().describe('Tickets that it has served and was released from.'),
    assignedAt: timestamp.optional().describe('When it was first given to its sandbox.'),
    releasedAt: timestamp.optional().describe('When it was last released.'),
    lastCheckAt: timestamp.optional().describe('When it was last looked at by a liveness probe.'),
    failedChecks: z.int().min(0).optional().describe('Liveness probes in a row that failed.'),
    startSeconds: z.int().min(0).optional().describe('Seconds from its creation to Ready.'),
    deleteAttempts: z.int().min(0).optional().describe('Times that its deletion has failed.'),
    session: session.optional(),
  })
  .describe('Observed state of a builder.');

export const builderKind = defineKind({
  kind: 'Builder',
  plural: 'builders',
  shortNames: ['kb'],
  namespaced: true,
  description: "One builder: a pod for one stage, or a machine. Lives in kopr's builds namespace; made by kopr.",
  spec: builderSpec,
  status: builderStatus,
  columns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Where the builder is.' },
    { name: 'Pool', type: 'string', jsonPath: '.spec.pool', description: 'Pool.' },
    { name: 'For', type: 'string', jsonPath: '.spec.chrootBuild.name', description: 'The stage that is built.' },
    { name: 'Sandbox', type: 'string', jsonPath: '.spec.sandbox', description: 'Trust domain.' },
    { name: 'Uses', type: 'integer', jsonPath: '.status.uses', description: 'Tickets that a machine has served.' },
    { name: 'Reason', type: 'string', jsonPath: '.status.reason', description: 'Why it is in this phase.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since creation.' },
    { name: 'Address', type: 'string', jsonPath: '.status.address', description: 'Host and port.', priority: 1 },
    {
      name: 'Checked',
      type: 'date',
      jsonPath: '.status.lastCheckAt',
      description: 'Last liveness probe.',
      priority: 1,
    },
    { name: 'Node', type: 'string', jsonPath: '.status.node', description: 'Node.', priority: 1 },
  ],
  selectableFields: ['.spec.pool', '.status.phase'],
  rules: [],
});
export type Builder = ResourceOf<typeof builderKind>;
export const Builders = resourceType(builderKind);

/** What a Builder is claimed for. */
export interface Claim {
  ticket: { namespace: string; name: string; uid: string };
  sandbox: string;
  /** Absent when the machine is lent to a client of Resalloc, which drives it itself. */
  stage: { chrootBuild: { namespace: string; name: string; uid: string }; attempt: number } | undefined;
}

/** Undefined for a machine that is free. */
export function claimOf({ spec }: Builder): Claim | undefined {
  const { ticket, sandbox, chrootBuild, attempt } = spec;
  if (ticket === undefined || sandbox === undefined) return undefined;
  const stage = chrootBuild === undefined || attempt === undefined ? undefined : { chrootBuild, attempt };
  return { ticket, sandbox, stage };
}

/** A claim for a stage of a build: every one but those of clients of Resalloc. */
export interface StageClaim {
  ticket: { namespace: string; name: string; uid: string };
  sandbox: string;
  chrootBuild: { namespace: string; name: string; uid: string };
  attempt: number;
}

/** Undefined for a machine that is free, or lent to a client of Resalloc. */
export function stageClaimOf(builder: Builder): StageClaim | undefined {
  const claim = claimOf(builder);
  return claim?.stage && { ticket: claim.ticket, sandbox: claim.sandbox, ...claim.stage };
}

export function isMachine({ spec }: Builder): boolean {
  return spec.machine !== undefined;
}

export type BuilderSession = Pick<
  z.infer<typeof session>,
  'phase' | 'reason' | 'message' | 'pod' | 'node' | 'startedAt' | 'endedAt'
>;

/** What became of a ticket's stage on its Builder; undefined while the Builder has not begun with it. */
export function sessionOf({ spec, status }: Builder, ticketUID: string): BuilderSession | undefined {
  if (spec.machine !== undefined) return status?.session?.ticket === ticketUID ? status.session : undefined;
  if (spec.ticket?.uid !== ticketUID) return undefined;
  const phase = status?.phase;
  if (phase !== 'Starting' && phase !== 'Running' && phase !== 'Ended' && phase !== 'Lost') return undefined;
  return { ...status, phase };
}
