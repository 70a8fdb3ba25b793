import { z } from 'zod';
import {
  COPR_STATES,
  cel,
  conditions,
  nevra,
  objectName,
  observedGeneration,
  rules,
  source,
  timestamp,
} from './common.ts';
import type { ResourceOf } from './kind.ts';
import { defineKind, resourceType } from './kind.ts';

export const CHROOT_BUILD_PHASES = [
  'Waiting',
  'Starting',
  'Running',
  'Publishing',
  'Importing',
  'Succeeded',
  'Failed',
  'Cancelled',
] as const;

export const chrootBuildSpec = z
  .object({
    build: objectName.describe('Build in the same namespace that this stage belongs to.'),
    buildID: z.int().min(1).describe('Number of that build.'),
    project: objectName.max(63).describe('Project in the same namespace.'),
    owner: z.string().max(253).describe('Owner name in URLs and key identities.'),
    dirname: z
      .string()
      .max(256)
      .optional()
      .describe('Directory of the owner that is published to: the name of the project, or such as hello:pr:7.'),
    stage: z
      .enum(['source', 'binary'])
      .describe('What is made: source means the SRPM, binary the packages of one chroot.'),
    chroot: z.string().max(100).describe('Chroot name; srpm-builds for the source stage.'),
    source: source.optional(),
    package: z
      .object({
        name: z.string().max(256).describe('Name of the source package.'),
        repo: z.string().max(512).describe('Repository on distgit: owner/project/package.'),
        commit: z.string().max(64).describe('Commit to build.'),
      })
      .optional()
      .describe('What the binary stage builds.'),
    branches: z
      .array(z.string().max(128))
      .max(100)
      .optional()
      .describe('Branches on distgit that the source stage imports to.'),
    timeoutSeconds: z.int().min(1).describe('Seconds the stage may take once it has a builder.'),
    network: z.boolean().default(false).describe('May rpmbuild reach the network?'),
    background: z.boolean().default(false).describe('Waits behind every stage that is not in the background.'),
    with: z.array(z.string().max(64)).max(50).optional().describe('Build conditions switched on.'),
    without: z.array(z.string().max(64)).max(50).optional().describe('Build conditions switched off.'),
    cancelled: z.boolean().default(false).describe('Set by the Build controller to end the stage.'),
  })
  .meta({
    description: 'Desired state of one build stage. Written by kopr; users create Builds.',
    ...rules(
      cel(
        "self.stage == 'source' ? has(self.source) && !has(self.__package__) : has(self.__package__) && !has(self.source)",
        'a source stage needs source, a binary stage needs package',
      ),
      cel('self.cancelled || !oldSelf.cancelled', 'a cancelled stage stays cancelled; create a new Build instead'),
      cel(
        ['build', 'buildID', 'project', 'owner', 'stage', 'chroot']
          .map((field) => `self.${field} == oldSelf.${field}`)
          .concat(
            'has(self.dirname) == has(oldSelf.dirname) && (!has(self.dirname) || self.dirname == oldSelf.dirname)',
          )
          .join(' && '),
        'a ChrootBuild is one stage of one Build; what it builds cannot be changed',
      ),
    ),
  });

export const chrootBuildStatus = z
  .object({
    observedGeneration,
    conditions,
    phase: z.enum(CHROOT_BUILD_PHASES).optional().describe('Where the stage is.'),
    state: z.enum(COPR_STATES).optional().describe('The same in the words of Copr.'),
    reason: z.string().max(128).optional().describe('Why, one CamelCase word.'),
    message: z.string().max(1024).optional().describe('Why, one sentence.'),
    attempt: z.int().min(1).max(99).optional().describe('Number of the current or last attempt.'),
    ticket: z.string().max(253).optional().describe('Name of the current BuilderTicket.'),
    builder: z.string().max(253).optional().describe('Name of the current or last Builder.'),
    queuePosition: z.int().min(0).optional().describe('Tickets that will be served before, while it waits.'),
    queuedAt: timestamp.optional().describe('When the first ticket was taken.'),
    startedAt: timestamp.optional().describe('When the current or last attempt got its builder.'),
    runningAt: timestamp.optional().describe('When the build container of that attempt started.'),
    builtAt: timestamp
      .optional()
      .describe('When the builder of that attempt was done; publishing and importing follow.'),
    finishedAt: timestamp.optional().describe('When the stage ended.'),
    resultsURL: z.string().max(2048).optional().describe('Directory of results and logs.'),
    logURL: z.string().max(2048).optional().describe('Log of the build; grows while it runs.'),
    packages: z.array(nevra).max(500).optional().describe('Packages that were published (binary stage).'),
    repoGeneration: z.int().min(0).optional().describe('Generation of the repository that first has them.'),
    srpm: z
      .object({
        path: z.string().max(1024).describe('Path below the results root.'),
        sha256: z.string().max(64).describe('SHA-256 of the file.'),
        size: z.int().min(0).describe('Bytes.'),
      })
      .optional()
      .describe('The source package (source stage).'),
    imported: z
      .object({
        name: z.string().max(256).describe('Name of the source package.'),
        version: z.string().max(512).describe('Version and release (with an epoch that is not 0).'),
        repo: z.string().max(512).describe('Repository on distgit.'),
        branches: z.record(z.string(), z.string().max(64)).describe('Commit per branch.'),
        // As many, and as long, as distgit reads from a header.
        exclusiveArch: z.array(z.string().max(128)).max(1000).describe('ExclusiveArch of the spec.'),
        excludeArch: z.array(z.string().max(128)).max(1000).describe('ExcludeArch of the spec.'),
      })
      .optional()
      .describe('What distgit made of the SRPM (source stage).'),
  })
  .describe('Observed state of one build stage.');

export const chrootBuildKind = defineKind({
  kind: 'ChrootBuild',
  plural: 'chrootbuilds',
  shortNames: ['cb'],
  namespaced: true,
  description: 'One stage of a Build in one chroot. Made by kopr.',
  spec: chrootBuildSpec,
  status: chrootBuildStatus,
  columns: [
    { name: 'State', type: 'string', jsonPath: '.status.state', description: 'State in the words of Copr.' },
    { name: 'Chroot', type: 'string', jsonPath: '.spec.chroot', description: 'Chroot, or srpm-builds.' },
    { name: 'Attempt', type: 'integer', jsonPath: '.status.attempt', description: 'Attempt.' },
    { name: 'Reason', type: 'string', jsonPath: '.status.reason', description: 'Why it is in this state.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since creation.' },
    { name: 'Builder', type: 'string', jsonPath: '.status.builder', description: 'Builder.', priority: 1 },
    { name: 'Log', type: 'string', jsonPath: '.status.logURL', description: 'Log.', priority: 1 },
  ],
  selectableFields: ['.spec.project', '.spec.build', '.spec.chroot', '.status.state'],
  rules: [],
});
export type ChrootBuild = ResourceOf<typeof chrootBuildKind>;
export type ChrootBuildStatus = NonNullable<ChrootBuild['status']>;
export const ChrootBuilds = resourceType(chrootBuildKind);
