import type { Chroot } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import type { Project } from '../../crds/project.ts';
import type { TaskRepo } from '../../lib/protocol/task.ts';
import type { RepoReference } from '../../lib/repo-file/external-repo.ts';
import { externalRepos } from '../../lib/repo-file/external-repo.ts';
import { dirnameOfStage, projectNameOfStage, urlBelow } from '../shared/names.ts';
import type { Installation } from './world.ts';

/**
 * Pure: the repositories of a build root, with the ids that Copr gives them: those of the distribution, the project's own
 * (`copr_base`, `copr_base_devel`, `copr_coprdir`), then what the project and its chroot name.
 */
export function taskRepos(
  chrootBuild: ChrootBuild,
  chroot: Chroot,
  project: Project | undefined,
  installation: Installation,
): TaskRepo[] {
  return [
    ...distributionRepos(chroot),
    ...ownRepos(chrootBuild, project?.spec.options, installation),
    ...others(chrootBuild, project, installation),
  ];
}

function distributionRepos(chroot: Chroot): TaskRepo[] {
  return (chroot.spec.repos ?? []).map((repo) => ({
    id: repo.id,
    name: `${chroot.spec.distribution} ${repo.id}`,
    baseurl: repo.baseurl,
    gpgcheck: repo.gpgkey !== undefined,
    ...(repo.gpgkey === undefined ? {} : { gpgkey: repo.gpgkey }),
    ...(repo.priority === undefined ? {} : { priority: repo.priority }),
    skipIfUnavailable: false,
  }));
}

/**
 * The project's own packages, checked against the project's own key: unlike upstream, what a build pulls in from
 * here was signed by this project, whatever stands between the publisher and the builder. In devel mode the public
 * metadata may be old, and builds need what was built a minute ago: a second repository has it.
 */
function ownRepos(
  chrootBuild: ChrootBuild,
  options: Project['spec']['options'] | undefined,
  installation: Installation,
): TaskRepo[] {
  const { develMode = false, moduleHotfixes = false, repoPriority } = options ?? {};
  const { owner, chroot } = chrootBuild.spec;
  const main = projectNameOfStage(chrootBuild);
  const dirname = dirnameOfStage(chrootBuild);
  const gpgkey = `${urlBelow(installation.resultsInternalURL, `${owner}/${main}`)}/pubkey.gpg`;
  const repo = (id: string, directory: string, below: string): TaskRepo => ({
    id,
    name: `kopr ${owner}/${directory}${below === '' ? '' : ' (devel)'}`,
    baseurl: `${urlBelow(installation.resultsInternalURL, `${owner}/${directory}/${chroot}`)}/${below}`,
    gpgcheck: true,
    gpgkey,
    ...(repoPriority === undefined ? {} : { priority: repoPriority }),
    ...(moduleHotfixes ? { moduleHotfixes } : {}),
    // Devel mode may just have been switched on or off. The public one, on the same server, fails for both.
    skipIfUnavailable: below !== '',
  });
  const both = (id: string, directory: string): TaskRepo[] => [
    repo(id, directory, ''),
    ...(develMode ? [repo(`${id}_devel`, directory, 'devel/')] : []),
  ];
  return [...both('copr_base', main), ...(dirname === main ? [] : both('copr_coprdir', dirname))];
}

function others({ spec }: ChrootBuild, project: Project | undefined, installation: Installation): TaskRepo[] {
  const ofChroot = project?.spec.chrootSettings?.find(({ name }) => name === spec.chroot)?.repos ?? [];
  const references: RepoReference[] = [
    ...(project?.spec.externalRepos ?? []),
    ...ofChroot.map((baseurl) => ({ baseurl })),
  ];
  const site = { resultsURL: installation.resultsInternalURL, chroot: spec.chroot };
  return externalRepos(references, site).map((repo) => ({
    ...repo,
    name: repo.name.slice(0, 256),
    skipIfUnavailable: false,
  }));
}
