import { z } from 'zod';
import { tag } from './builderticket.ts';
import { asMap } from './common.ts';
import type { ResourceOf } from './kind.ts';
import { defineKind, resourceType } from './kind.ts';

const limit = z.int().min(0).max(100000);

/** @param what is limited, such as "Build stages of one owner" */
function limitsByName(what: string) {
  return {
    architectures: z
      .array(
        z.object({
          name: z.string().max(64).describe('Architecture.'),
          max: limit.describe(`${what} that run on it at the same time.`),
        }),
      )
      .max(50)
      .optional()
      .meta({ description: 'Limits by architecture.', ...asMap('name') }),
    tags: z
      .array(
        z.object({
          name: tag.describe('Tag.'),
          max: limit.describe(`${what} with this tag that run at the same time.`),
        }),
      )
      .max(50)
      .optional()
      .meta({ description: 'Limits by tag.', ...asMap('name') }),
  };
}

export const buildQuotaSpec = z
  .object({
    maxRunning: limit.optional().describe('Build stages of one owner that run at the same time.'),
    maxRunningPerSandbox: limit
      .optional()
      .describe('Build stages of one sandbox (owner and project) that run at the same time.'),
    ...limitsByName('Build stages of one owner'),
    total: z
      .object({
        maxRunning: limit.optional().describe('Build stages that run at the same time.'),
        ...limitsByName('Build stages'),
      })
      .optional()
      .describe("Limits of all owners together. They count in kopr's own namespace only."),
    maxRunningPerNamespace: limit
      .optional()
      .describe('Build stages of one namespace that run at the same time, whoever owns them.'),
    weight: z
      .int()
      .min(1)
      .max(1000)
      .default(100)
      .describe('Share of the builders when owners compete, relative to the others.'),
  })
  .describe('Running limits of an owner.');

export const buildQuotaKind = defineKind({
  kind: 'BuildQuota',
  plural: 'buildquotas',
  shortNames: ['bq'],
  namespaced: true,
  description:
    "Limits what an owner may run at the same time. In an owner's namespace it holds for that owner; the one named default in kopr's own namespace holds for every owner without one.",
  spec: buildQuotaSpec,
  columns: [
    { name: 'Max', type: 'integer', jsonPath: '.spec.maxRunning', description: 'Stages that may run.' },
    { name: 'Weight', type: 'integer', jsonPath: '.spec.weight', description: 'Share when owners compete.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since creation.' },
  ],
  selectableFields: [],
  rules: [
    { rule: "self.metadata.name == 'default'", message: 'a namespace has one BuildQuota; its name must be "default"' },
  ],
});
export type BuildQuota = ResourceOf<typeof buildQuotaKind>;
export const BuildQuotas = resourceType(buildQuotaKind);
