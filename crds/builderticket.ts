import { z } from 'zod';
import { asSet, cel, conditions, objectName, observedGeneration, rules, text, timestamp } from './common.ts';
import type { ResourceOf } from './kind.ts';
import { defineKind, resourceType } from './kind.ts';

export const tag = text(
  100,
  /^[A-Za-z0-9][A-Za-z0-9_.:-]*$/,
  'must be a tag: letters, digits and _ . : -, beginning with a letter or digit',
);

export const builderTicketSpec = z
  .object({
    chrootBuild: objectName
      .optional()
      .describe(
        'ChrootBuild in the same namespace that wants a builder; absent: a client of Resalloc wants a machine.',
      ),
    chrootBuildUID: z.string().max(64).optional().describe('Its uid.'),
    attempt: z.int().min(1).max(99).default(1).describe('Attempt of the ChrootBuild that this ticket is for.'),
    owner: z.string().max(253).describe('Owner, for quotas and fair shares.'),
    project: objectName.max(63).optional().describe('Project, for suspension.'),
    environment: z
      .enum(['pod', 'machine'])
      .optional()
      .describe('What can serve it: a pod alone, or a machine alone. Absent: either.'),
    sandbox: z.string().max(600).describe('Trust domain: builders are never shared between sandboxes.'),
    architecture: z.string().max(64).describe('Architecture of the builder; noarch fits every one.'),
    tags: z
      .array(tag)
      .max(30)
      .meta({ description: 'Tags the pool must have, all of them.', ...asSet }),
    priority: z.int().min(-1000000).max(1000000).default(0).describe('A higher number is served first.'),
    closed: z.boolean().default(false).describe('Set when the builder is no longer needed.'),
  })
  .meta({
    description: 'A claim for one builder. Written by kopr.',
    ...rules(
      cel('self.closed || !oldSelf.closed', 'a closed ticket stays closed; make a new one'),
      cel(
        [
          ...['attempt', 'owner', 'sandbox', 'architecture'].map((field) => `self.${field} == oldSelf.${field}`),
          ...['chrootBuild', 'chrootBuildUID', 'project', 'environment'].map(
            (field) =>
              `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`,
          ),
        ].join(' && '),
        'the claim of a BuilderTicket (who wants which builder) cannot be changed; make a new ticket',
      ),
      cel(
        'has(self.chrootBuild) == has(self.chrootBuildUID)',
        'a ticket of a ChrootBuild needs its name and its uid: set both chrootBuild and chrootBuildUID',
      ),
    ),
  });

export const builderTicketStatus = z
  .object({
    observedGeneration,
    conditions,
    phase: z
      .enum(['Waiting', 'Assigned', 'Failed', 'Closed'])
      .optional()
      .describe(
        'Where the ticket is. Failed: the machine that served a client of Resalloc was lost; close the ticket.',
      ),
    reason: z.string().max(128).optional().describe('Why it waits, one CamelCase word.'),
    message: z.string().max(1024).optional().describe('Why it waits, one sentence.'),
    position: z
      .int()
      .min(0)
      .optional()
      .describe('Tickets that will be served before this one; far from the front it is brought up to date less often.'),
    estimatedSeconds: z
      .int()
      .min(0)
      .optional()
      .describe('Seconds it will wait from estimatedAt on, as far as can be told from how long builds took lately.'),
    estimatedAt: timestamp.optional().describe('When position and estimate were made.'),
    pool: z.string().max(253).optional().describe('Pool that serves it.'),
    builder: z.string().max(253).optional().describe('Builder that serves it.'),
    assignedAt: timestamp.optional().describe('When it was assigned.'),
    output: z
      .string()
      .max(8192)
      .optional()
      .describe('What the pool says of the machine, in base64; for clients of Resalloc.'),
  })
  .describe('Observed state of a ticket.');

export const builderTicketKind = defineKind({
  kind: 'BuilderTicket',
  plural: 'buildertickets',
  shortNames: ['bt'],
  namespaced: true,
  description: 'A claim for a builder, served by the scheduler. Made by kopr.',
  spec: builderTicketSpec,
  status: builderTicketStatus,
  columns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Waiting, Assigned, Failed or Closed.' },
    { name: 'Pool', type: 'string', jsonPath: '.status.pool', description: 'Pool.' },
    { name: 'Position', type: 'integer', jsonPath: '.status.position', description: 'Place in the queue.' },
    {
      name: 'Estimate',
      type: 'integer',
      jsonPath: '.status.estimatedSeconds',
      description: 'Seconds that it will wait, probably.',
    },
    { name: 'Reason', type: 'string', jsonPath: '.status.reason', description: 'Why it waits.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since creation.' },
    { name: 'Why', type: 'string', jsonPath: '.status.message', description: 'Why it waits.', priority: 1 },
  ],
  selectableFields: ['.spec.owner', '.spec.architecture', '.status.phase', '.status.pool'],
  rules: [],
});
export type BuilderTicket = ResourceOf<typeof builderTicketKind>;
export const BuilderTickets = resourceType(builderTicketKind);
