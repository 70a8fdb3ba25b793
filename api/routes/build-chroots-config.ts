/** How one chroot of a build is built, as clients of Copr read it. Pure. */
import type { Build } from '../../crds/build.ts';
import type { Project } from '../../crds/project.ts';
import { externalRepos } from '../../lib/repo-file/external-repo.ts';

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
  // The same as the builder is given: an address that is named twice counts once, and a priority of its own comes first.
  const references = [
    ...(project.spec.externalRepos ?? []),
    ...(settings?.repos ?? []).map((baseurl) => ({ baseurl })),
  ];
  for (const repo of externalRepos(references, { resultsURL, chroot })) {
    const { id, name: title, baseurl, priority } = repo;
    repos.push({ id, name: title, baseurl, ...(priority === undefined ? {} : { priority }) });
  }
  return repos;
}
