/** How one chroot of a build is built, as clients of Copr read it. Pure. */
import type { Build } from '../../crds/build.ts';
import type { Project } from '../../crds/project.ts';
import { nameReleaseOf, withoutOptions } from '../../lib/repo-file/repo-file.ts';

export interface RepoJSON {
  id: string;
  name: string;
  baseurl: string;
  priority?: number;
  module_hotfixes?: boolean;
  repo_gpgcheck?: boolean;
}

export interface BuildConfigInput {
  owner: string;
  name: string;
  project: Project;
  chroot: string;
  /** Directory of the build: the name of the project for the main one. */
  dirname: string;
  spec: Build['spec'];
  resultsURL: string;
  memoryLimit: number;
}

/** Priority that dnf gives a repository without one. */
const USUAL_PRIORITY = 99;

export function buildConfigJSON(input: BuildConfigInput): object {
  const { owner, name, project, chroot, spec, memoryLimit } = input;
  const { options } = project.spec;
  const settings = project.spec.chrootSettings?.find((one) => one.name === chroot);
  const own = `copr://${owner}/${name}`;
  const ofProject = project.spec.externalRepos?.map(({ baseurl }) => baseurl) ?? [];
  const ofChroot = settings?.repos ?? [];
  const bootstrap = bootstrapOf(input);
  return {
    repos: reposOf(input),
    additional_repos: [own, ...ofChroot, ...ofProject, ...(options.develMode ? [`${own}/devel`] : [])],
    additional_packages: settings?.packages ?? [],
    with_opts: [...new Set([...(settings?.with ?? []), ...(spec.with ?? [])])],
    without_opts: [...new Set([...(settings?.without ?? []), ...(spec.without ?? [])])],
    memory_limit: memoryLimit,
    timeout: spec.timeoutSeconds ?? options.timeoutSeconds,
    enable_net: spec.network ?? options.network,
    is_background: spec.background,
    ...bootstrap,
  };
}

/** What the build says wins over the chroot, that over the project. */
function bootstrapOf({ project, chroot, spec }: BuildConfigInput): { bootstrap?: string; bootstrap_image?: string } {
  const settings = project.spec.chrootSettings?.find((one) => one.name === chroot);
  const { options } = project.spec;
  const said = [spec.bootstrap, settings?.bootstrap, options.bootstrap].find(
    (value) => value !== undefined && value !== 'unchanged',
  );
  if (said === undefined || said === 'default') return {};
  const image = settings?.bootstrapImage ?? options.bootstrapImage;
  const needsImage = (said === 'image' || said === 'custom_image') && image !== undefined;
  return { bootstrap: said, ...(needsImage ? { bootstrap_image: image } : {}) };
}

function reposOf({ owner, name, project, chroot, dirname, resultsURL }: BuildConfigInput): RepoJSON[] {
  const { options } = project.spec;
  const base = `${resultsURL}/${owner}/${name}/${chroot}/`;
  const { repoPriority } = options;
  const own = {
    repo_gpgcheck: false,
    ...(repoPriority === undefined || repoPriority === USUAL_PRIORITY ? {} : { priority: repoPriority }),
    ...(options.moduleHotfixes ? { module_hotfixes: true } : {}),
  };
  const repos: RepoJSON[] = [{ id: 'copr_base', name: 'Copr repository', baseurl: base, ...own }];
  if (options.develMode)
    repos.push({ id: 'copr_base_devel', name: 'Copr devel repository', baseurl: `${base}devel/`, ...own });
  if (dirname !== name) {
    const baseurl = `${resultsURL}/${owner}/${dirname}/${chroot}/`;
    repos.push({ id: 'copr_coprdir', name: 'Copr directory', baseurl, ...own });
  }
  const settings = project.spec.chrootSettings?.find((one) => one.name === chroot);
  for (const { baseurl, priority } of project.spec.externalRepos ?? [])
    repos.push(additionalRepo(baseurl, chroot, resultsURL, priority));
  for (const baseurl of settings?.repos ?? []) repos.push(additionalRepo(baseurl, chroot, resultsURL, undefined));
  return repos;
}

/** `$releasever` and `$basearch` are left: dnf knows them. */
function additionalRepo(url: string, chroot: string, resultsURL: string, priority: number | undefined): RepoJSON {
  const { baseurl, priority: own = priority } = withoutOptions(url);
  const id = url.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_+|_+$/g, '');
  const nameRelease = nameReleaseOf(chroot);
  const distribution = nameRelease.slice(0, nameRelease.lastIndexOf('-'));
  const project = /^copr:\/\/(.*)$/.exec(baseurl)?.[1];
  const address = project === undefined ? baseurl : `${resultsURL}/${project}/${chroot}/`;
  return {
    id,
    name: `Additional repo ${id}`,
    baseurl: address.replaceAll('$chroot', () => chroot).replaceAll('$distname', () => distribution),
    ...(own === undefined ? {} : { priority: own }),
  };
}
