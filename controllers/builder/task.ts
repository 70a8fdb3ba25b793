import type { Chroot } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import type { Source } from '../../crds/common.ts';
import type { Project } from '../../crds/project.ts';
import type { ChrootSettings } from '../../crds/projectchroot.ts';
import type { BinaryStage, SourceStage, TaskDocument } from '../../lib/protocol/task.ts';
import { dirnameOfStage, projectNameOfStage, taskID, urlBelow } from '../shared/names.ts';
import { taskRepos } from './repos.ts';
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
    project: dirnameOfStage(chrootBuild),
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
  const settings = project?.spec.chrootSettings?.find((each) => each.name === spec.chroot);
  const { name, repo, commit } = spec.package ?? { name: '', repo: '', commit: '' };
  return {
    packageName: name,
    repoURL: urlBelow(`${installation.distgitURL}/git`, repo),
    commit,
    lookasideURL: urlBelow(`${installation.distgitURL}/repo/pkgs`, repo),
    architecture: chroot.spec.architecture,
    imageRepos: (chroot.spec.repos ?? []).length === 0,
    repos: taskRepos(chrootBuild, chroot, project, installation),
    buildrootPackages: [...new Set([...chroot.spec.buildrootPackages, ...(settings?.packages ?? [])])],
    ...(settings?.modules === undefined ? {} : { modules: [...settings.modules] }),
    network: spec.network,
    macros: macros(chrootBuild, chroot, installation),
    ...conditions(chrootBuild, settings),
  };
}

/** Those of the chroot of the project, but what the Build says of the same condition. */
function conditions(
  { spec }: ChrootBuild,
  settings: ChrootSettings | undefined,
): Pick<BinaryStage, 'with' | 'without'> {
  const on = spec.with ?? [];
  const off = spec.without ?? [];
  return {
    with: joined(on, settings?.with, off),
    without: joined(off, settings?.without, on),
  };
}

function joined(own: readonly string[], more: readonly string[] | undefined, taken: readonly string[]): string[] {
  return [...new Set([...own, ...(more ?? []).filter((name) => !taken.includes(name))])];
}

/** The macros that Copr gives to every build. */
function macros(chrootBuild: ChrootBuild, chroot: Chroot, installation: Installation): Record<string, string> {
  const { owner, buildID } = chrootBuild.spec;
  const who = owner.startsWith('@') ? `group ${owner}` : `user ${owner}`;
  return {
    copr_username: owner,
    copr_projectname: projectNameOfStage(chrootBuild),
    vendor: `${installation.vendor} - ${who}`,
    buildtag: `.copr${buildID}`,
    ...(chroot.spec.distTag === undefined ? {} : { dist: chroot.spec.distTag }),
  };
}
