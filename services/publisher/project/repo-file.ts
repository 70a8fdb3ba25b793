import type { RepositoryRequest } from '../../../lib/protocol/publisher.ts';
import type { ProjectName } from '../paths.ts';

export interface RepoFileInput extends ProjectName {
  /** `fedora-43`, `pebble-13`: chroot without architecture. */
  nameRelease: string;
  resultsURL: string;
  frontendURL: string;
  options: RepositoryRequest['repoFile'];
}

/** The distribution and release of a chroot: its name without the architecture. */
export function nameReleaseOf(chroot: string): string {
  return chroot.slice(0, chroot.lastIndexOf('-'));
}

/** `@group` as it stands in names that may not have an `@`. */
function plainOwner(owner: string): string {
  return owner.replace(/^@/, 'group_');
}

function plainProject(project: string): string {
  return project.replaceAll(':', '-');
}

/** Its name in the tree: the same for all, so that the web server need not know how owners and projects become part of a name. */
export const REPO_FILE = 'dnf.repo';

/** Its name in addresses. */
export function repoFileName(name: ProjectName, nameRelease: string): string {
  return `${plainOwner(name.owner)}-${plainProject(name.project)}-${nameRelease}.repo`;
}

/** Address of the `.repo` file, the same as in Copr. */
export function repoFileURL(frontendURL: string, name: ProjectName, nameRelease: string): string {
  const owner = name.owner.startsWith('@') ? `g/${name.owner.slice(1)}` : name.owner;
  return `${frontendURL}/coprs/${owner}/${name.project}/repo/${nameRelease}/${repoFileName(name, nameRelease)}`;
}

/**
 * Distributions whose release dnf knows by itself, so that the file survives an upgrade of the system. For dnf Rawhide and ELN are
 * releases of Fedora; cauldron is none of Mageia.
 */
const versioned = /^(?:(fedora)-(?:[0-9.]+|rawhide|eln)|(centos-stream|opensuse-leap|mageia)-[0-9.]+)$/;

/**
 * The text of a `.repo` file. `repo_gpgcheck` is off as in Copr: packages are signed and checked one by one, while the pair
 * of repomd.xml and its signature takes two requests, between which a busy project may publish anew.
 */
export function repoFileText(input: RepoFileInput): string {
  const { owner, project, nameRelease, resultsURL, options } = input;
  const base = `${resultsURL}/${owner}/${project}`;
  const [, fedora, other] = versioned.exec(nameRelease) ?? [];
  const distribution = fedora ?? other;
  const directory = distribution === undefined ? nameRelease : `${distribution}-$releasever`;
  return [
    `[copr:${new URL(input.frontendURL).hostname}:${plainOwner(owner)}:${project}]`,
    `name=Copr repo for ${project} owned by ${owner}`,
    `baseurl=${base}/${directory}-$basearch/`,
    'type=rpm-md',
    'skip_if_unavailable=True',
    'gpgcheck=1',
    `gpgkey=${base}/pubkey.gpg`,
    'repo_gpgcheck=0',
    'enabled=1',
    'enabled_metadata=1',
    ...(options.moduleHotfixes ? ['module_hotfixes=1'] : []),
    ...(options.priority === undefined ? [] : [`priority=${options.priority}`]),
    '',
  ].join('\n');
}
