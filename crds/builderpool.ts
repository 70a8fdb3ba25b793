import { z } from 'zod';
import { tag } from './builderticket.ts';
import { asMap, asSet, cel, conditions, objectName, observedGeneration, rules, text } from './common.ts';
import type { ResourceOf } from './kind.ts';
import { defineKind, resourceType } from './kind.ts';

const quantity = text(
  32,
  /^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/,
  'must be a quantity as in Kubernetes, in quotes if it is a bare number, e.g. "2", 500m or 8Gi',
);
const quantities = z.record(z.string(), quantity).meta({ maxProperties: 16 });

const podProvider = z
  .object({
    nodeSelector: z
      .record(z.string(), z.string().max(63))
      .meta({ maxProperties: 32 })
      .optional()
      .describe('Labels of the nodes that builder pods may run on.'),
    tolerations: z
      .array(
        z.object({
          key: z.string().max(316).optional().describe('Key of the taint; absent: every key.'),
          operator: z.enum(['Exists', 'Equal']).optional().describe('How value is compared.'),
          value: z.string().max(63).optional().describe('Value of the taint.'),
          effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional().describe('Effect of the taint.'),
        }),
      )
      .max(20)
      .optional()
      .describe('Taints that builder pods tolerate.'),
    runtimeClassName: objectName.optional().describe('RuntimeClass of builder pods, e.g. for gVisor or Kata.'),
    priorityClassName: objectName.optional().describe('PriorityClass of builder pods.'),
    resources: z
      .object({
        requests: quantities.optional().describe('What the scheduler reserves for the build container.'),
        limits: quantities.optional().describe('What the build container may use.'),
      })
      .optional()
      .describe('Resources of the build container.'),
    workspace: z
      .object({
        medium: z.enum(['Disk', 'Memory']).default('Disk').describe('Where the work directory lives.'),
        sizeLimit: quantity.default('20Gi').describe('How much it may hold.'),
      })
      .default({ medium: 'Disk', sizeLimit: '20Gi' })
      .describe('The work directory of a build.'),
  })
  .describe('Builders are pods, one for each build stage.');

export const builderPoolSpec = z
  .object({
    pod: podProvider.optional(),
    architectures: z
      .array(z.string().max(64))
      .min(1)
      .max(20)
      .meta({ description: 'Architectures whose chroots can be built here, e.g. x86_64 and i386.', ...asSet }),
    tags: z
      .array(
        z.object({
          name: tag.describe('Tag that tickets ask for.'),
          priority: z
            .int()
            .min(-1000)
            .max(1000)
            .default(0)
            .describe('Pools with a higher sum are preferred for tickets with these tags.'),
        }),
      )
      .max(50)
      .optional()
      .meta({ description: 'What the builders of this pool offer.', ...asMap('name') }),
    max: z.int().min(0).max(10000).default(4).describe('Builders that exist at the same time, at most.'),
    maxStarting: z.int().min(1).max(10000).default(4).describe('Builders that start at the same time, at most.'),
    startTimeoutSeconds: z
      .int()
      .min(10)
      .max(86400)
      .default(600)
      .describe('A builder that has not started by then is given up and replaced.'),
    suspend: z.boolean().default(false).describe('While true the pool gets no new work; running builds finish.'),
  })
  .meta({
    description: 'Desired state of a pool of builders.',
    ...rules(cel('has(self.pod)', 'a BuilderPool needs exactly one provider: set pod')),
  });

export const builderPoolStatus = z
  .object({
    observedGeneration,
    conditions,
    builders: z.int().min(0).optional().describe('Builders that exist.'),
    starting: z.int().min(0).optional().describe('Those that are starting.'),
    running: z.int().min(0).optional().describe('Those that are building.'),
    usage: z.string().max(32).optional().describe('Builders of max, for kubectl get.'),
    consecutiveStartFailures: z
      .int()
      .min(0)
      .optional()
      .describe('Builders in a row that failed to start; the pool pauses longer after each.'),
    pausedUntil: z.iso.datetime().optional().describe('No builder is started before this time.'),
  })
  .describe('Observed state of a pool.');

export const builderPoolKind = defineKind({
  kind: 'BuilderPool',
  plural: 'builderpools',
  shortNames: ['bp'],
  namespaced: true,
  description: "A source of builders. Lives in kopr's builds namespace.",
  spec: builderPoolSpec,
  status: builderPoolStatus,
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Can it start builders?',
    },
    { name: 'Builders', type: 'string', jsonPath: '.status.usage', description: 'Builders of max.' },
    { name: 'Starting', type: 'integer', jsonPath: '.status.starting', description: 'Builders that are starting.' },
    { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason', description: 'Why.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since creation.' },
  ],
  selectableFields: ['.spec.suspend'],
  rules: [],
});
export type BuilderPool = ResourceOf<typeof builderPoolKind>;
export const BuilderPools = resourceType(builderPoolKind);
