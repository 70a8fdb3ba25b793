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
    chrootBuild: objectName.describe('ChrootBuild in the same namespace that wants a builder.'),
    chrootBuildUID: z.string().max(64).describe('Its uid.'),
    attempt: z.int().min(1).max(99).describe('Attempt of the ChrootBuild that this ticket is for.'),
    owner: z.string().max(253).describe('Owner, for quotas and fair shares.'),
    project: objectName.max(63).describe('Project, for suspension.'),
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
        ['chrootBuild', 'chrootBuildUID', 'attempt', 'owner', 'project', 'sandbox', 'architecture']
          .map((field) => `self.${field} == oldSelf.${field}`)
          .join(' && '),
        'the claim of a BuilderTicket (who wants which builder) cannot be changed; make a new ticket',
      ),
    ),
  });

export const builderTicketStatus = z
  .object({
    observedGeneration,
    conditions,
    phase: z.enum(['Waiting', 'Assigned', 'Closed']).optional().describe('Where the ticket is.'),
    reason: z.string().max(128).optional().describe('Why it waits, one CamelCase word.'),
    message: z.string().max(1024).optional().describe('Why it waits, one sentence.'),
    position: z.int().min(0).optional().describe('Tickets that will be served before this one.'),
    pool: z.string().max(253).optional().describe('Pool that serves it.'),
    builder: z.string().max(253).optional().describe('Builder that serves it.'),
    assignedAt: timestamp.optional().describe('When it was assigned.'),
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
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Waiting, Assigned or Closed.' },
    { name: 'Pool', type: 'string', jsonPath: '.status.pool', description: 'Pool.' },
    { name: 'Position', type: 'integer', jsonPath: '.status.position', description: 'Place in the queue.' },
    { name: 'Reason', type: 'string', jsonPath: '.status.reason', description: 'Why it waits.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since creation.' },
    { name: 'Why', type: 'string', jsonPath: '.status.message', description: 'Why it waits.', priority: 1 },
  ],
  selectableFields: ['.spec.owner', '.spec.architecture', '.status.phase', '.status.pool'],
  rules: [],
});
export type BuilderTicket = ResourceOf<typeof builderTicketKind>;
export const BuilderTickets = resourceType(builderTicketKind);
