import { z } from 'zod';
import {
  asMap,
  asSet,
  BOOTSTRAPS,
  cel,
  chrootName,
  conditions,
  coprName,
  httpURL,
  ISOLATIONS,
  image,
  observedGeneration,
  repoURL,
  rules,
  text,
  timestamp,
} from './common.ts';
import type { ResourceOf } from './kind.ts';
import { defineKind, resourceType } from './kind.ts';
import { chrootSettings } from './projectchroot.ts';

const externalRepo = z.object({
  baseurl: repoURL.describe(
    'Base URL of the repository; $releasever and $basearch are replaced by dnf, $chroot and $distname by kopr. copr://OWNER/PROJECT is a project of this kopr. ?priority=N at the end is a priority.',
  ),
  gpgkey: httpURL.optional().describe('Public key that signs its packages. Without it they are installed unchecked.'),
  priority: z.int().min(1).max(99).optional().describe('Priority for dnf; a lower number wins.'),
});

const options = z
  .object({
    network: z.boolean().default(false).describe('May builds reach the network while rpmbuild runs?'),
    bootstrap: z.enum(BOOTSTRAPS).default('default').describe('How the engine mock makes build roots.'),
    bootstrapImage: image.optional().describe('Image to bootstrap from, for bootstrap: image.'),
    isolation: z.enum(ISOLATIONS).default('default').describe('How the engine mock isolates builds.'),
    develMode: z
      .boolean()
      .default(false)
      .describe('Publish builds for later builds of the project only, until regeneration is asked for.'),
    multilib: z.boolean().default(false).describe('Offer the i386 repository to users of x86_64, too.'),
    fedoraReview: z.boolean().default(false).describe('Run fedora-review after a build (engine mock, Fedora).'),
    appstream: z.boolean().default(false).describe('Put AppStream metadata into the repositories.'),
    followFedoraBranching: z
      .boolean()
      .default(true)
      .describe('Get a chroot for each new Fedora release that the administrator branches from Rawhide.'),
    autoPrune: z.boolean().default(true).describe('May old builds that newer ones replace be deleted?'),
    repoPriority: z.int().min(1).max(99).optional().describe('Value of priority= in the .repo files of this project.'),
    moduleHotfixes: z.boolean().default(false).describe('Sets module_hotfixes=1 in the .repo files of this project.'),
    timeoutSeconds: z
      .int()
      .min(1)
      .max(180000)
      .default(18000)
      .describe('Seconds that one build stage may take, if the Build says nothing else.'),
  })
  .default({
    network: false,
    bootstrap: 'default',
    isolation: 'default',
    develMode: false,
    multilib: false,
    fedoraReview: false,
    appstream: false,
    followFedoraBranching: true,
    autoPrune: true,
    moduleHotfixes: false,
    timeoutSeconds: 18000,
  })
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

const role = z
  .enum(['approved', 'request'])
  .optional()
  .describe('approved, or request while an administrator of the project has not answered.');

const permission = z.object({
  user: text(128, /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, 'must be a user name: letters, digits and . _ -').describe(
    'User of this kopr.',
  ),
  builder: role.describe('May submit and cancel builds: approved, or request while nobody has answered.'),
  admin: role.describe('May change the project, its chroots, packages and permissions: approved or request.'),
});

export const projectSpec = z
  .object({
    name: coprName
      .optional()
      .describe('Name in URLs and for clients of Copr, if it is none that an object can have; default: metadata.name.'),
    description: z.string().max(65536).optional().describe('What the project is, for its users.'),
    instructions: z.string().max(65536).optional().describe('How its packages are installed, for its users.'),
    homepage: z.string().max(2048).optional().describe('Web page of the project.'),
    contact: z.string().max(1024).optional().describe('Mail address or web page of its maintainers.'),
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
    runtimeDependencies: z
      .array(repoURL)
      .max(50)
      .optional()
      .meta({ description: 'Repositories that users of this project enable together with it.', ...asSet }),
    chrootSettings: z
      .array(chrootSettings)
      .max(100)
      .optional()
      .meta({ description: 'Settings of single chroots.', ...asMap('name') }),
    permissions: z
      .array(permission)
      .max(200)
      .optional()
      .meta({ description: 'Who besides its owner may do what, through the REST API.', ...asMap('user') }),
    packitForgeProjects: z
      .array(z.string().max(512))
      .max(100)
      .optional()
      .describe('Forge projects whose Packit may build here; * and ? match.'),
    unlisted: z.boolean().default(false).describe('Keep it out of lists for the public; the API still has it.'),
    persistent: z.boolean().default(false).describe('The REST API does not let anybody delete it or its builds.'),
    expiresAt: timestamp.optional().describe('The project is deleted after this time, once no build of it runs.'),
    options,
    retention,
    suspend: z.boolean().default(false).describe('While true no further build stage of this project is started.'),
    deletionPolicy: z
      .enum(['Delete', 'Retain'])
      .default('Delete')
      .describe('What becomes of repositories and sources when the Project is deleted.'),
  })
  .meta({
    description: 'Desired state of a project.',
    ...rules(
      cel(
        'has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)',
        'the name of a Project cannot be changed: repositories and keys have it',
      ),
    ),
  });

export const projectStatus = z
  .object({
    observedGeneration,
    conditions,
    id: z.int().min(1).optional().describe('Number of the project, for clients of Copr; never used twice.'),
    name: z.string().max(100).optional().describe('Name in URLs and key identities.'),
    owner: z.string().max(253).optional().describe('Name of the owner in URLs and key identities.'),
    directories: z
      .array(z.string().max(256))
      .max(1000)
      .optional()
      .meta({ description: 'Directories besides the main one, such as hello:pr:7.', ...asSet }),
    regenerated: z
      .string()
      .max(256)
      .optional()
      .describe('Value of the annotation kopr.dev/regenerate-repos that was last done.'),
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
