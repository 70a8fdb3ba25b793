import { z } from 'zod';
import { asSet, buildChroots, cel, conditions, objectName, observedGeneration, rules, source, text } from './common.ts';
import type { ResourceOf } from './kind.ts';
import { defineKind, resourceType } from './kind.ts';

export const packageSpec = z
  .object({
    project: objectName.max(63).describe('Project in the same namespace.'),
    name: text(100, /^[-+_.a-zA-Z0-9]+$/, 'must be the name of a package: letters, digits and + _ . -')
      .optional()
      .describe('Name of the source package, if it is none that an object can have; default: metadata.name.'),
    source: source.optional(),
    chroots: buildChroots,
    chrootDenylist: z
      .array(
        text(100, /^[a-z0-9*.+_-]+$/, 'must be a chroot or a pattern of chroots: small letters, digits and - _ . + *'),
      )
      .max(100)
      .optional()
      .meta({ description: 'Chroots in which it is not built by default; * matches.', ...asSet }),
    timeoutSeconds: z.int().min(1).max(180000).optional().describe('Seconds that one stage of its builds may take.'),
    maxBuilds: z.int().min(1).max(100).optional().describe('So many of its newest builds are kept by pruning.'),
    webhookRebuild: z.boolean().default(false).describe('May a webhook of its Git forge have it built?'),
    autoBuild: z
      .boolean()
      .default(true)
      .describe('Make a Build whenever the source or the chroots in this object change.'),
  })
  .meta({
    description: 'Desired state of a package. Without a source it is only a name.',
    ...rules(
      cel(
        'self.project == oldSelf.project && has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)',
        'a Package stays what it is: its name and project cannot be changed; create a new one instead',
      ),
    ),
  });

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
