import { z } from 'zod';
import { tag } from './builderticket.ts';
import { asMap, asSet, cel, chrootName, httpURL, rules, text } from './common.ts';
import type { ResourceOf } from './kind.ts';
import { defineKind, resourceType } from './kind.ts';

const repo = z.object({
  id: text(
    128,
    /^[A-Za-z0-9][A-Za-z0-9_.-]*$/,
    'must be an id for dnf: letters, digits and _ . -, beginning with a letter or digit',
  ).describe('Id of the repository for dnf.'),
  baseurl: httpURL.describe('Base URL; $basearch and $releasever are replaced by dnf.'),
  gpgkey: httpURL.optional().describe('Public key of its packages. Without it they are installed unchecked.'),
  priority: z.int().min(1).max(99).optional().describe('Priority for dnf; a lower number wins.'),
});

export const chrootSpec = z
  .object({
    name: chrootName,
    distribution: text(
      90,
      /^[a-z0-9][a-z0-9.+_-]*$/,
      'must be the distribution and its release, e.g. fedora-43: small letters, digits and . + _ -',
    ).describe('Distribution and release, e.g. fedora-43: the name without the architecture.'),
    architecture: text(
      32,
      /^[a-z0-9_]+$/,
      'must be an RPM architecture, e.g. x86_64: small letters, digits and "_"',
    ).describe('RPM architecture, e.g. x86_64, i386 or aarch64.'),
    container: z
      .object({
        image: z.string().min(1).max(512).describe('Image of the distribution; builds run in it.'),
      })
      .optional()
      .describe(
        'Engine "container": dnf and rpmbuild in a container of the distribution itself. Without it builds run on machines alone.',
      ),
    repos: z
      .array(repo)
      .max(50)
      .optional()
      .meta({
        description: 'Repositories of the distribution. None: those that the image is configured with.',
        ...asMap('id'),
      }),
    buildrootPackages: z
      .array(
        text(
          256,
          /^[@A-Za-z0-9_.+:()/][@A-Za-z0-9_.+:()/-]*$/,
          'must be a package, a @group or a capability as dnf knows it, without spaces, e.g. rpm-build',
        ),
      )
      .max(50)
      .default([])
      .describe('Packages that every build root has.'),
    comment: z.string().max(1024).optional().describe('What users should know of it.'),
    distTag: text(32, /^\.[A-Za-z0-9_.]+$/, 'must be a dot and then letters, digits, "_" or ".", e.g. .fc43')
      .optional()
      .describe('Value of the macro %dist, e.g. .fc43; default: what the image defines.'),
    distGitBranch: text(
      100,
      /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
      'must be a branch name of letters, digits and . _ -, beginning with a letter or digit',
    )
      .optional()
      .describe('Branch on distgit; default: the distribution.'),
    tags: z
      .array(tag)
      .max(20)
      .optional()
      .meta({ description: 'Tags that a builder for this chroot must have.', ...asSet }),
    state: z
      .enum(['Active', 'EndOfLife'])
      .default('Active')
      .describe('In an EndOfLife chroot nothing new is built; its repositories stay.'),
  })
  .meta({
    description: 'Desired state of a chroot.',
    ...rules(
      cel(
        "self.name == self.distribution + '-' + self.architecture",
        'name must be the distribution and the architecture joined by "-", e.g. fedora-43-x86_64',
      ),
      cel(
        'has(self.container) || (has(self.repos) && self.repos.size() > 0)',
        'a Chroot needs container for builds in pods; without it, it needs repos, from which machines make its build root',
      ),
      cel('self.name == oldSelf.name', 'the name of a chroot cannot be changed; create another Chroot'),
    ),
  });

export const chrootKind = defineKind({
  kind: 'Chroot',
  plural: 'chroots',
  shortNames: ['kchroot'],
  namespaced: false,
  description: 'A build target: a distribution, its release and an architecture.',
  spec: chrootSpec,
  columns: [
    { name: 'Chroot', type: 'string', jsonPath: '.spec.name', description: 'Name of the chroot.' },
    { name: 'Architecture', type: 'string', jsonPath: '.spec.architecture', description: 'Architecture.' },
    { name: 'State', type: 'string', jsonPath: '.spec.state', description: 'Active or EndOfLife.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since creation.' },
    { name: 'Image', type: 'string', jsonPath: '.spec.container.image', description: 'Image.', priority: 1 },
  ],
  selectableFields: ['.spec.distribution', '.spec.architecture', '.spec.state'],
  rules: [
    cel(
      "self.metadata.name == self.spec.name.replace('_', '-').replace('+', '-')",
      'metadata.name must be spec.name with "-" instead of "_" and "+", e.g. fedora-43-x86-64 for fedora-43-x86_64',
    ),
  ],
});
export type Chroot = ResourceOf<typeof chrootKind>;
export const Chroots = resourceType(chrootKind);

/** Object names have neither "_" nor "+"; the Chroot of `fedora-43-x86_64` is the object `fedora-43-x86-64`. */
export function chrootObjectName(name: string): string {
  return name.replace(/[_+]/g, '-');
}
