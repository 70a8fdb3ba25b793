import { z } from 'zod';
import { cel, conditions, objectName, observedGeneration, rules, timestamp } from './common.ts';
import type { ResourceOf } from './kind.ts';
import { defineKind, resourceType } from './kind.ts';

export const builderSpec = z
  .object({
    pool: objectName.describe('BuilderPool in the same namespace.'),
    ticket: z
      .object({
        namespace: objectName.describe('Namespace of the ticket.'),
        name: objectName.describe('Name of the ticket.'),
        uid: z.string().max(64).describe('Its uid.'),
      })
      .describe('The ticket that this builder serves.'),
    chrootBuild: z
      .object({
        namespace: objectName.describe('Namespace of the ChrootBuild.'),
        name: objectName.describe('Name of the ChrootBuild.'),
        uid: z.string().max(64).describe('Its uid.'),
      })
      .describe('The stage that is built.'),
    attempt: z.int().min(1).max(99).describe('Attempt of that stage.'),
    sandbox: z.string().max(600).describe('Trust domain of the builder, for its whole life.'),
    architecture: z.string().max(64).describe('Architecture of the builder.'),
  })
  .meta({
    description: 'Desired state of a builder. Written by kopr.',
    ...rules(cel('self == oldSelf', 'a Builder serves one stage for its whole life; its spec cannot be changed')),
  });

export const builderStatus = z
  .object({
    observedGeneration,
    conditions,
    phase: z
      .enum(['Starting', 'Running', 'Ended', 'Lost'])
      .optional()
      .describe('Ended: the pod ran to its end. Lost: it never started, vanished, or was killed.'),
    reason: z.string().max(128).optional().describe('Why, one CamelCase word.'),
    message: z.string().max(1024).optional().describe('Why, one sentence.'),
    pod: z.string().max(253).optional().describe('Name of the pod.'),
    node: z.string().max(253).optional().describe('Node it runs on.'),
    startedAt: timestamp.optional().describe('When the build container started.'),
    endedAt: timestamp.optional().describe('When it ended or was lost.'),
  })
  .describe('Observed state of a builder.');

export const builderKind = defineKind({
  kind: 'Builder',
  plural: 'builders',
  shortNames: ['kb'],
  namespaced: true,
  description: "One builder. Lives in kopr's builds namespace; made by kopr.",
  spec: builderSpec,
  status: builderStatus,
  columns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Starting, Running, Ended or Lost.' },
    { name: 'Pool', type: 'string', jsonPath: '.spec.pool', description: 'Pool.' },
    { name: 'For', type: 'string', jsonPath: '.spec.chrootBuild.name', description: 'The stage that is built.' },
    { name: 'Reason', type: 'string', jsonPath: '.status.reason', description: 'Why it is in this phase.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since creation.' },
    { name: 'Node', type: 'string', jsonPath: '.status.node', description: 'Node.', priority: 1 },
  ],
  selectableFields: ['.spec.pool', '.status.phase'],
  rules: [],
});
export type Builder = ResourceOf<typeof builderKind>;
export const Builders = resourceType(builderKind);
