import type { Build } from '../../crds/build.ts';
import type { Chroot } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import type { Package } from '../../crds/package.ts';
import type { Project } from '../../crds/project.ts';

/** Everything a decision about one Build is made from. */
export interface BuildWorld {
  build: Build;
  project: Project | undefined;
  /** The Package that `spec.package` names, or that it was made for as its label says; if it exists. */
  package: Package | undefined;
  /** Owner of the Project's repositories, as it was when the Build began; undefined before there are any. */
  owner: string | undefined;
  /** Builds that wait for each other in a circle with this one, in the order of waiting. */
  cycle: readonly Build[] | undefined;
  /** Chroots by their real name (`fedora-43-x86_64`). */
  chroots: ReadonlyMap<string, Chroot>;
  /** ChrootBuilds of this very Build (by uid). */
  children: readonly ChrootBuild[];
  /** ChrootBuilds with a name this Build needs that belong to something else, e.g. an earlier Build of this name. */
  strangers: readonly ChrootBuild[];
  /** Builds that `spec.after` names; absent ones are not in the map. */
  after: ReadonlyMap<string, Build>;
  /** Builds of the batch `spec.afterBatch` that this one waits for. A batch without any is over. */
  batch: readonly Build[];
}
