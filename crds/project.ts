import { z } from 'zod';
import { asMap, asSet, cel, chrootName, conditions, httpURL, observedGeneration } from './common.ts';
import type { ResourceOf } from './kind.ts';
import { defineKind, resourceType } from './kind.ts';

const externalRepo = z.object({
  baseurl: httpURL.describe('Base URL of the repository; $releasever and $basearch are replaced by dnf.'),
  gpgkey: httpURL.optional().describe('Public key that signs its packages. Without it they are installed unchecked.'),
  priority: z.int().min(1).max(99).optional().describe('Priority for dnf; a lower number wins.'),
});

const options = z
  .object({
    network: z.boolean().default(false).describe('May builds reach the network while rpmbuild runs?'),
    repoPriority: z.int().min(1).max(99).optional().describe('Value of priority= in the .repo files of this project.'),
    moduleHotfixes: z.boolean().default(false).describe('Sets module_hotfixes=1 in the .repo files of this project.'),
    timeoutSeconds: z
      .int()
      .min(60)
      .max(180000)
      .default(18000)
      .describe('Seconds that one build stage may take, if the Build says nothing else.'),
  })
  .default({ network: false, moduleHotfixes: false, timeoutSeconds: 18000 })
  .describe('Settings for every build of the project.');

const retention = z
  .object({
    ttlSecondsAfterFinished: z
      .int()
      .min(0)
      .max(31536000)
      .default(86400)
      .describe('Seconds after its end for which a Build object is kept. Published packages stay.'),
    keepLast: z
      .int()
      .min(0)
      .max(1000)
      .default(20)
      .describe('So many of the newest finished Builds are kept whatever their age.'),
  })
  .default({ ttlSecondsAfterFinished: 86400, keepLast: 20 })
  .describe('How long finished Build objects are kept. Nothing in the repositories is deleted by it.');

export const projectSpec = z
  .object({
    description: z.string().max(4096).optional().describe('What the project is, for its users.'),
    chroots: z
      .array(chrootName)
      .min(1)
      .max(100)
      .meta({ description: 'Build targets. Removing one keeps what is published for it.', ...asSet }),
    externalRepos: z
      .array(externalRepo)
      .max(20)
      .optional()
      .meta({ description: 'Repositories that builds may take BuildRequires from.', ...asMap('baseurl') }),
    options,
    retention,
    suspend: z.boolean().default(false).describe('While true no further build stage of this project is started.'),
    deletionPolicy: z
      .enum(['Delete', 'Retain'])
      .default('Delete')
      .describe('What becomes of repositories and sources when the Project is deleted.'),
  })
  .describe('Desired state of a project.');

export const projectStatus = z
  .object({
    observedGeneration,
    conditions,
    owner: z.string().max(253).optional().describe('Name of the owner in URLs and key identities.'),
    publicKeyURL: z
      .string()
      .max(2048)
      .optional()
      .describe('Where the public key is that all packages are signed with.'),
    publicKeyFingerprint: z.string().max(128).optional().describe('Fingerprint of that key.'),
    chroots: z
      .array(
        z.object({
          name: chrootName,
          repoURL: z.string().max(2048).describe('Base URL of the dnf repository.'),
          repoFileURL: z.string().max(2048).describe('Address of a ready .repo file.'),
          generation: z.int().min(0).describe('Counts the published states of the repository.'),
          packages: z.int().min(0).describe('Number of packages in the repository.'),
        }),
      )
      .max(100)
      .optional()
      .meta({ description: 'The repositories of the project.', ...asMap('name') }),
    builds: z
      .object({
        total: z.int().min(0).describe('Build objects of the project.'),
        active: z.int().min(0).describe('Those that have not ended.'),
        succeeded: z.int().min(0).describe('Those that ended well.'),
        failed: z.int().min(0).describe('Those that ended otherwise.'),
      })
      .optional()
      .describe('Counts of the Build objects that exist now.'),
    ready: z.string().max(16).optional().describe('Status of the Ready condition, for kubectl get.'),
    chrootCount: z.int().min(0).optional().describe('Number of chroots, for kubectl get.'),
  })
  .describe('Observed state of a project.');

export const projectKind = defineKind({
  kind: 'Project',
  plural: 'projects',
  shortNames: ['kproj'],
  namespaced: true,
  description: 'A set of chroots with one signed dnf repository each; its namespace is the owner.',
  spec: projectSpec,
  status: projectStatus,
  columns: [
    { name: 'Ready', type: 'string', jsonPath: '.status.ready', description: 'Are all repositories in place?' },
    { name: 'Chroots', type: 'integer', jsonPath: '.status.chrootCount', description: 'Number of build targets.' },
    { name: 'Active', type: 'integer', jsonPath: '.status.builds.active', description: 'Builds that have not ended.' },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
      description: 'Why it is ready or not.',
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since creation.' },
    {
      name: 'Key',
      type: 'string',
      jsonPath: '.status.publicKeyURL',
      description: 'Address of the public key.',
      priority: 1,
    },
  ],
  selectableFields: ['.status.ready', '.spec.suspend'],
  rules: [
    cel(
      'self.metadata.name.size() <= 63',
      'the name of a Project has at most 63 characters, since it becomes a part of URLs and key identities',
    ),
  ],
});
export type Project = ResourceOf<typeof projectKind>;
export const Projects = resourceType(projectKind);
