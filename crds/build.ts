import { z } from 'zod';
import {
  asMap,
  asSet,
  BOOTSTRAPS,
  buildChroots,
  COPR_STATES,
  cel,
  chrootName,
  conditions,
  ISOLATIONS,
  objectName,
  observedGeneration,
  rules,
  source,
  text,
  timestamp,
} from './common.ts';
import type { ResourceOf } from './kind.ts';
import { defineKind, resourceType } from './kind.ts';

/** Directories of a project besides the main one, as in Copr. */
const directory = text(
  120,
  /^(custom:[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?|pr:([A-Za-z0-9-]+-)?[0-9]+)$/,
  'must be custom:NAME or pr:NUMBER: letters, digits and "-", and a pr ends in digits',
);

const bcond = text(64, /^[A-Za-z0-9_]+$/, 'must be the name of a build condition: letters, digits and "_"');

export const buildSpec = z
  .object({
    project: objectName.max(63).describe('Project in the same namespace.'),
    source: source.optional(),
    package: objectName.optional().describe('Package in the same namespace whose source is built.'),
    chroots: buildChroots,
    network: z.boolean().optional().describe('Overrides options.network of the project.'),
    timeoutSeconds: z.int().min(1).max(180000).optional().describe('Overrides options.timeoutSeconds of the project.'),
    background: z.boolean().default(false).describe('Wait behind every build that is not in the background.'),
    directory: directory
      .optional()
      .describe('Publish to this directory of the project and not to its main repositories, e.g. pr:7.'),
    batch: z
      .int()
      .min(1)
      .optional()
      .describe('Number of the Build whose batch this one belongs to; default: a batch of its own.'),
    afterBatch: z
      .int()
      .min(1)
      .optional()
      .describe('Number of a batch: this Build starts when every Build of it has ended, well or not.'),
    bootstrap: z
      .enum(['unchanged', ...BOOTSTRAPS])
      .optional()
      .describe('How the engine mock makes build roots; unchanged: as project and chroot say.'),
    isolation: z
      .enum(['unchanged', ...ISOLATIONS])
      .optional()
      .describe('How the engine mock isolates the build; unchanged: as project and chroot say.'),
    after: z
      .array(objectName)
      .max(50)
      .optional()
      .meta({ description: 'Builds in the same namespace that must have ended before this one starts.', ...asSet }),
    with: z
      .array(bcond)
      .max(50)
      .optional()
      .meta({ description: 'Build conditions switched on (rpmbuild --with).', ...asSet }),
    without: z
      .array(bcond)
      .max(50)
      .optional()
      .meta({ description: 'Build conditions switched off (rpmbuild --without).', ...asSet }),
    cancelled: z.boolean().default(false).describe('Set to true to end the build. It cannot be taken back.'),
    ttlSecondsAfterFinished: z
      .int()
      .min(0)
      .max(31536000)
      .optional()
      .describe('Seconds after its end for which this object is kept; default: the retention of the project.'),
  })
  .meta({
    description: 'One submission. Apart from cancelled and ttlSecondsAfterFinished it cannot be changed.',
    ...rules(
      cel('has(self.source) != has(self.__package__)', 'a Build needs exactly one of source and package'),
      cel(
        '!has(self.with) || !has(self.without) || !self.with.exists(name, name in self.without)',
        'a build condition cannot be both in with and in without',
      ),
      cel('self.cancelled || !oldSelf.cancelled', 'a cancelled Build stays cancelled; create a new Build instead'),
      cel(
        [
          'self.project == oldSelf.project',
          'self.background == oldSelf.background',
          ...[
            'source',
            '__package__',
            'chroots',
            'network',
            'timeoutSeconds',
            'directory',
            'batch',
            'afterBatch',
            'bootstrap',
            'isolation',
            'after',
            'with',
            'without',
          ].map((f) => `has(self.${f}) == has(oldSelf.${f}) && (!has(self.${f}) || self.${f} == oldSelf.${f})`),
        ].join(' && '),
        'the spec of a Build cannot be changed (except cancelled and ttlSecondsAfterFinished); create a new Build instead',
      ),
    ),
  });

export const buildStatus = z
  .object({
    observedGeneration,
    conditions,
    id: z.int().min(1).optional().describe('Number of the build; never used twice.'),
    state: z.enum(COPR_STATES).optional().describe('State in the words of Copr.'),
    reason: z.string().max(128).optional().describe('Why it is in this state, one CamelCase word.'),
    package: z.string().max(256).optional().describe('Name of the source package.'),
    version: z
      .string()
      .max(512)
      .optional()
      .describe('Version and release (with an epoch that is not 0) of the source package.'),
    packageVersion: z.string().max(768).optional().describe('Package and version in one word, for kubectl get.'),
    chrootSummary: z.string().max(16).optional().describe('Chroots that ended, of all, e.g. 1/2.'),
    chroots: z
      .array(
        z.object({
          name: chrootName,
          state: z.enum(COPR_STATES).describe('State of the chroot build.'),
          reason: z.string().max(128).optional().describe('Why, one CamelCase word.'),
          message: z.string().max(1024).optional().describe('Why, one sentence.'),
          resultsURL: z.string().max(2048).optional().describe('Directory of results and logs.'),
        }),
      )
      .max(100)
      .optional()
      .meta({ description: 'One entry a chroot.', ...asMap('name') }),
    source: z
      .object({
        resultsURL: z.string().max(2048).optional().describe('Directory of the source build.'),
        srpm: z.string().max(512).optional().describe('File name of the SRPM.'),
        repo: z.string().max(512).optional().describe('Repository on distgit: owner/project/package.'),
        branches: z.record(z.string(), z.string().max(64)).optional().describe('Commit per branch of that repository.'),
      })
      .optional()
      .describe('What the source stage made.'),
    queue: z
      .object({
        position: z.int().min(0).optional().describe('Stages that will be started before the next one of this build.'),
        message: z.string().max(1024).optional().describe('What it waits for.'),
      })
      .optional()
      .describe('Present while the build waits.'),
    startedAt: timestamp.optional().describe('When the first stage got a builder.'),
    completedAt: timestamp.optional().describe('When the build ended.'),
  })
  .describe('Observed state of a build.');

export const buildKind = defineKind({
  kind: 'Build',
  plural: 'builds',
  shortNames: ['bld'],
  namespaced: true,
  description: 'One submission of a source package to a project.',
  spec: buildSpec,
  status: buildStatus,
  columns: [
    { name: 'State', type: 'string', jsonPath: '.status.state', description: 'State in the words of Copr.' },
    { name: 'Package', type: 'string', jsonPath: '.status.packageVersion', description: 'Package and version.' },
    { name: 'Chroots', type: 'string', jsonPath: '.status.chrootSummary', description: 'Chroots that ended, of all.' },
    { name: 'Reason', type: 'string', jsonPath: '.status.reason', description: 'Why it is in this state.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since creation.' },
    { name: 'ID', type: 'integer', jsonPath: '.status.id', description: 'Number of the build.', priority: 1 },
    { name: 'Project', type: 'string', jsonPath: '.spec.project', description: 'Project.', priority: 1 },
    {
      name: 'Waiting',
      type: 'string',
      jsonPath: '.status.queue.message',
      description: 'What it waits for.',
      priority: 1,
    },
  ],
  selectableFields: ['.spec.project', '.status.state'],
  rules: [
    cel(
      'self.metadata.name.size() <= 120',
      'the name of a Build has at most 120 characters, since the names of its chroot builds are made from it',
    ),
    cel(
      '!has(self.spec.after) || !(self.metadata.name in self.spec.after)',
      'a Build cannot come after itself; take its own name out of spec.after',
    ),
  ],
});
export type Build = ResourceOf<typeof buildKind>;
export type BuildStatus = NonNullable<Build['status']>;
export const Builds = resourceType(buildKind);
