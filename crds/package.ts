import { z } from 'zod';
import { buildChroots, conditions, objectName, observedGeneration, source } from './common.ts';
import type { ResourceOf } from './kind.ts';
import { defineKind, resourceType } from './kind.ts';

export const packageSpec = z
  .object({
    project: objectName.max(63).describe('Project in the same namespace.'),
    source,
    chroots: buildChroots,
    autoBuild: z
      .boolean()
      .default(true)
      .describe('Make a Build whenever the source or the chroots in this object change.'),
  })
  .describe('Desired state of a package.');

export const packageStatus = z
  .object({
    observedGeneration,
    conditions,
    sourceHash: z
      .string()
      .max(64)
      .optional()
      .describe('Digest of the source and chroots that the newest Build was made for.'),
    lastBuild: z.string().max(253).optional().describe('Name of the newest Build made for this package.'),
    lastSucceededBuild: z.string().max(253).optional().describe('Name of the newest Build that succeeded.'),
    state: z.string().max(32).optional().describe('State of the newest Build.'),
    version: z.string().max(512).optional().describe('Version and release that last succeeded.'),
  })
  .describe('Observed state of a package.');

export const packageKind = defineKind({
  kind: 'Package',
  plural: 'packages',
  shortNames: ['kpkg'],
  namespaced: true,
  description: 'A source that is built again whenever it changes: a Git repository of Packages is a distribution.',
  spec: packageSpec,
  status: packageStatus,
  columns: [
    { name: 'Project', type: 'string', jsonPath: '.spec.project', description: 'Project it belongs to.' },
    { name: 'State', type: 'string', jsonPath: '.status.state', description: 'State of the newest Build.' },
    { name: 'Version', type: 'string', jsonPath: '.status.version', description: 'Version that last succeeded.' },
    { name: 'Build', type: 'string', jsonPath: '.status.lastBuild', description: 'The newest Build.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since creation.' },
  ],
  selectableFields: ['.spec.project'],
  rules: [],
});
export type Package = ResourceOf<typeof packageKind>;
export const Packages = resourceType(packageKind);
