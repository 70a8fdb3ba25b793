import type { StageClaim } from '../../crds/builder.ts';
import type { Chroot } from '../../crds/chroot.ts';
import { Chroots, chrootObjectName } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import { ChrootBuilds } from '../../crds/chrootbuild.ts';
import type { Project } from '../../crds/project.ts';
import { Projects } from '../../crds/project.ts';
import type { Manager } from '../../operator/manager.ts';
import type { Store } from '../../operator/store.ts';

/** What a builder is claimed for. */
export interface ClaimedStage {
  /** The stage of the claim, if it is still there. */
  chrootBuild: ChrootBuild | undefined;
  /** Undefined for the source stage, or when it is gone. */
  chroot: Chroot | undefined;
  project: Project | undefined;
}

export interface StageCaches {
  chrootBuilds: Pick<Store<ChrootBuild>, 'get'>;
  chroots: Pick<Store<Chroot>, 'get'>;
  projects: Pick<Store<Project>, 'get'>;
}

export function stageCaches(manager: Pick<Manager, 'store'>): StageCaches {
  return {
    chrootBuilds: manager.store(ChrootBuilds),
    chroots: manager.store(Chroots),
    projects: manager.store(Projects),
  };
}

/** Reads the caches. A stage that was made anew under the same name is another one. */
export function stageOfClaim(
  { chrootBuilds, chroots, projects }: StageCaches,
  { chrootBuild: { namespace, name, uid } }: Pick<StageClaim, 'chrootBuild'>,
): ClaimedStage {
  const chrootBuild = chrootBuilds.get(`${namespace}/${name}`);
  if (chrootBuild?.metadata.uid !== uid) return { chrootBuild: undefined, chroot: undefined, project: undefined };
  const { stage, chroot, project } = chrootBuild.spec;
  return {
    chrootBuild,
    chroot: stage === 'binary' ? chroots.get(chrootObjectName(chroot)) : undefined,
    project: projects.get(`${namespace}/${project}`),
  };
}
