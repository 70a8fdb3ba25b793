import type { Chroot } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import type { Source } from '../../crds/common.ts';
import type { Project } from '../../crds/project.ts';
import type { BinaryStage, SourceStage, TaskDocument, TaskRepo } from '../../lib/protocol/task.ts';
import { taskID, urlBelow } from '../shared/names.ts';
import type { Installation } from './world.ts';

/** Pure: the task document of one attempt. */
export function taskDocument(
  chrootBuild: ChrootBuild,
  attempt: number,
  chroot: Chroot | undefined,
  project: Project | undefined,
  installation: Installation,
): TaskDocument {
  const { spec } = chrootBuild;
  return {
    version: 1,
    task: taskID(chrootBuild, attempt),
    owner: spec.owner,
    project: spec.project,
    build: spec.buildID,
    chroot: spec.chroot,
    timeoutSeconds: spec.timeoutSeconds,
    ...(spec.source === undefined ? {} : { source: sourceStage(spec.source, installation) }),
    ...(chroot === undefined ? {} : { binary: binaryStage(chrootBuild, chroot, project, installation) }),
    publisherURL: installation.publisherURL,
  };
}

/** Uploads lie beside the results, below /tmp. */
function sourceStage({ upload, ...others }: Source, installation: Installation): SourceStage {
  if (upload === undefined) return others;
  const { id, ...file } = upload;
  return { upload: { ...file, url: new URL(`/tmp/${id}/${file.name}`, installation.resultsInternalURL).href } };
}

function binaryStage(
  chrootBuild: ChrootBuild,
  chroot: Chroot,
  project: Project | undefined,
  installation: Installation,
): BinaryStage {
  const { spec } = chrootBuild;
  const { name, repo, commit } = spec.package ?? { name: '', repo: '', commit: '' };
  return {
    packageName: name,
    repoURL: urlBelow(`${installation.distgitURL}/git`, repo),
    commit,
    lookasideURL: urlBelow(`${installation.distgitURL}/repo/pkgs`, repo),
    architecture: chroot.spec.architecture,
    imageRepos: (chroot.spec.repos ?? []).length === 0,
    repos: [...distributionRepos(chroot), projectRepo(chrootBuild, installation), ...externalRepos(project)],
    buildrootPackages: [...chroot.spec.buildrootPackages],
    network: spec.network,
    macros: macros(chrootBuild, chroot, installation),
    with: [...(spec.with ?? [])],
    without: [...(spec.without ?? [])],
  };
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
 * here was signed by this project, whatever stands between the publisher and the builder.
 */
function projectRepo(chrootBuild: ChrootBuild, installation: Installation): TaskRepo {
  const { owner, project, chroot } = chrootBuild.spec;
  const base = urlBelow(installation.resultsInternalURL, `${owner}/${project}`);
  return {
    id: 'copr_base',
    name: `kopr ${owner}/${project}`,
    baseurl: `${base}/${chroot}/`,
    gpgcheck: true,
    gpgkey: `${base}/pubkey.gpg`,
    skipIfUnavailable: false,
  };
}

function externalRepos(project: Project | undefined): TaskRepo[] {
  return (project?.spec.externalRepos ?? []).map((repo, index) => ({
    id: `external_${index + 1}`,
    name: `Additional repo ${repo.baseurl}`.slice(0, 256),
    baseurl: repo.baseurl,
    gpgcheck: repo.gpgkey !== undefined,
    ...(repo.gpgkey === undefined ? {} : { gpgkey: repo.gpgkey }),
    ...(repo.priority === undefined ? {} : { priority: repo.priority }),
    skipIfUnavailable: false,
  }));
}

/** The macros that Copr gives to every build. */
function macros(chrootBuild: ChrootBuild, chroot: Chroot, installation: Installation): Record<string, string> {
  const { owner, project, buildID } = chrootBuild.spec;
  const who = owner.startsWith('@') ? `group ${owner}` : `user ${owner}`;
  return {
    copr_username: owner,
    copr_projectname: project,
    vendor: `${installation.vendor} - ${who}`,
    buildtag: `.copr${buildID}`,
    ...(chroot.spec.distTag === undefined ? {} : { dist: chroot.spec.distTag }),
  };
}
