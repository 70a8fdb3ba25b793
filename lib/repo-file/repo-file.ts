/** The texts of `.repo` files, in Copr's form. Pure: who serves them finds out what there is to say. */

export interface ProjectDirectory {
  /** `demo`, or `@team` for a group. */
  owner: string;
  /** Name of a project or of one of its directories: `hello`, `hello:pr:7`. */
  project: string;
}

export interface RepoFileOptions {
  priority?: number | undefined;
  moduleHotfixes: boolean;
}

export interface RepoFileInput extends ProjectDirectory {
  /** `fedora-43`, `pebble-13`: chroot without architecture. */
  nameRelease: string;
  resultsURL: string;
  frontendURL: string;
  options: RepoFileOptions;
  /** 32-bit architecture that is served to the same machines, such as `i386`, when the project wants that and has it. */
  multilib?: string | undefined;
  /** In the order in which the project names them, then those that they need themselves. */
  dependencies?: readonly RuntimeDependency[] | undefined;
}

/** What the packages of a project need at run time besides the distribution. */
export type RuntimeDependency =
  | ({ kind: 'project'; options: RepoFileOptions } & ProjectDirectory)
  /** A project that the user names and that does not exist: `copr://demo/gone`. */
  | { kind: 'missing'; name: string }
  /** Any other repository; `$chroot` and `$distname` may stand for what is asked for, `?priority=5` for the order of asking. */
  | { kind: 'external'; baseurl: string };

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
export function repoFileName(name: ProjectDirectory, nameRelease: string): string {
  return `${plainOwner(name.owner)}-${plainProject(name.project)}-${nameRelease}.repo`;
}

/** Address of the `.repo` file, the same as in Copr. */
export function repoFileURL(frontendURL: string, name: ProjectDirectory, nameRelease: string): string {
  const owner = name.owner.startsWith('@') ? `g/${name.owner.slice(1)}` : name.owner;
  return `${frontendURL}/coprs/${owner}/${name.project}/repo/${nameRelease}/${repoFileName(name, nameRelease)}`;
}

/**
 * Distributions whose release dnf knows by itself, so that the file survives an upgrade of the system. For dnf Rawhide and ELN are
 * releases of Fedora; cauldron is none of Mageia.
 */
const versioned = /^(?:(fedora)-(?:[0-9.]+|rawhide|eln)|(centos-stream|opensuse-leap|mageia)-[0-9.]+)$/;

/** The name of a chroot in base URLs, without the architecture: `fedora-$releasever`, `pebble-13`. */
export function distributionInURL(nameRelease: string): string {
  const [, fedora, other] = versioned.exec(nameRelease) ?? [];
  const distribution = fedora ?? other;
  return distribution === undefined ? nameRelease : `${distribution}-$releasever`;
}

/** Identity of a repository for dnf: `copr:kopr.example:group_team:hello`. */
export function repositoryId(kind: 'copr' | 'coprdep', frontendURL: string, name: ProjectDirectory): string {
  return `${kind}:${new URL(frontendURL).hostname}:${plainOwner(name.owner)}:${name.project}`;
}

/** Identity of a repository that is no project's: its address, of which only letters and digits are kept. */
export function externalRepositoryId(baseurl: string): string {
  return `coprdep:${plainURL(baseurl)}`;
}

function plainURL(baseurl: string): string {
  return baseurl.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_+|_+$/g, '');
}

/**
 * What people see of a dependency. `dependent` is the project that names it; `number` counts its dependencies from 1.
 */
export function dependencyName(
  frontendURL: string,
  dependent: ProjectDirectory,
  number: number,
  dependency: Exclude<RuntimeDependency, { kind: 'missing' }>,
): string {
  const whose = `Copr ${new URL(frontendURL).hostname}/${dependent.owner}/${dependent.project}`;
  if (dependency.kind === 'project')
    return `${whose} runtime dependency #${number} - ${dependency.owner}/${dependency.project}`;
  return `${whose} external runtime dependency #${number} - ${plainURL(withoutOptions(dependency.baseurl).baseurl)}`;
}

/**
 * The text of a `.repo` file. `repo_gpgcheck` is off as in Copr: packages are signed and checked one by one, while the pair
 * of repomd.xml and its signature takes two requests, between which a busy project may publish anew.
 */
export function repoFileText(input: RepoFileInput): string {
  const { frontendURL, project, owner, multilib, dependencies = [] } = input;
  const id = repositoryId('copr', frontendURL, input);
  const name = `Copr repo for ${project} owned by ${owner}`;
  const sections = [projectSection(input, input, { id, name, arch: '$basearch' })];
  if (multilib !== undefined) {
    const part = { id: `${id}:ml`, name: `${name} (${multilib})`, arch: multilib, cost: 1100 };
    sections.push(projectSection(input, input, part));
  }
  for (const [n, dependency] of dependencies.entries()) sections.push(dependencySection(input, dependency, n + 1));
  return sections.map((lines) => `${lines.join('\n')}\n`).join('\n');
}

interface Part {
  id: string;
  name: string;
  arch: string;
  cost?: number;
}

type Site = Pick<RepoFileInput, 'nameRelease' | 'resultsURL'>;

function projectSection(
  { nameRelease, resultsURL }: Site,
  { owner, project, options }: ProjectDirectory & { options: RepoFileOptions },
  { id, name, arch, cost }: Part,
): string[] {
  const base = `${resultsURL}/${owner}/${project}`;
  return [
    `[${id}]`,
    `name=${name}`,
    `baseurl=${base}/${distributionInURL(nameRelease)}-${arch}/`,
    'type=rpm-md',
    'skip_if_unavailable=True',
    'gpgcheck=1',
    `gpgkey=${base}/pubkey.gpg`,
    'repo_gpgcheck=0',
    ...(cost === undefined ? [] : [`cost=${cost}`]),
    'enabled=1',
    'enabled_metadata=1',
    ...(options.moduleHotfixes ? ['module_hotfixes=1'] : []),
    ...(options.priority === undefined ? [] : [`priority=${options.priority}`]),
  ];
}

function dependencySection(input: RepoFileInput, dependency: RuntimeDependency, number: number): string[] {
  const { frontendURL, nameRelease } = input;
  if (dependency.kind === 'missing') {
    return [
      `# The project ${oneLine(dependency.name)}, on which ${input.owner}/${input.project} depends, does not exist.`,
    ];
  }
  const name = dependencyName(frontendURL, input, number, dependency);
  if (dependency.kind === 'project') {
    const id = repositoryId('coprdep', frontendURL, dependency);
    return projectSection(input, dependency, { id, name, arch: '$basearch' });
  }
  const { baseurl, priority } = withoutOptions(oneLine(dependency.baseurl));
  return [
    `[${externalRepositoryId(baseurl)}]`,
    `name=${name}`,
    `baseurl=${externalBaseURL(baseurl, nameRelease)}`,
    'type=rpm-md',
    'skip_if_unavailable=True',
    'gpgcheck=0',
    'repo_gpgcheck=0',
    'enabled=1',
    'enabled_metadata=1',
    ...(priority === undefined ? [] : [`priority=${priority}`]),
  ];
}

/** The address with `$chroot` and `$distname` replaced by what dnf, which knows neither, understands. */
function externalBaseURL(baseurl: string, nameRelease: string): string {
  const distribution = nameRelease.slice(0, nameRelease.lastIndexOf('-'));
  return baseurl
    .replaceAll('$chroot', () => `${distributionInURL(nameRelease)}-$basearch`)
    .replaceAll('$distname', () => distribution);
}

/** The address as it is fetched, and the priority that may stand behind it as `?priority=5`. */
export function withoutOptions(baseurl: string): { baseurl: string; priority?: number } {
  const match = /^(.*?)([?&])priority=([0-9]{1,4})(?:&(.*))?$/.exec(baseurl);
  if (match === null) return { baseurl };
  const [, before = '', mark = '?', priority = '', after] = match;
  return { baseurl: after === undefined ? before : `${before}${mark}${after}`, priority: Number(priority) };
}

/** A line of the file can never become two, whatever the text is. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}
