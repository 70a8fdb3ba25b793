import type { Chroot } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import type { Source } from '../../crds/common.ts';
import { API_VERSION } from '../../crds/kind.ts';
import { dirnameOf, projectNameOf } from '../../crds/names.ts';
import { SOURCE_CHROOT } from '../../lib/protocol/task.ts';
import { isArchOf } from '../../lib/rpm/arch.ts';
import { ownerReference } from '../../operator/resource.ts';
import { chrootBuildName, labelValue, sourceBuildName } from '../shared/names.ts';
import type { BuildWorld } from './world.ts';

/** Label that finds the stages of a Build: `kubectl get chrootbuilds -l kopr.dev/build=hello-1`. */
const BUILD_LABEL = 'kopr.dev/build';
const PROJECT_LABEL = 'kopr.dev/project';

/** Branch on distgit that a chroot builds from. */
export function branchOf(chroot: Chroot): string {
  return chroot.spec.distGitBranch ?? chroot.spec.distribution;
}

export function sourceChild(world: BuildWorld, source: Source, chroots: readonly Chroot[]): ChrootBuild {
  return {
    ...envelope(world, sourceBuildName(world.build.metadata.name)),
    spec: {
      ...common(world),
      stage: 'source',
      chroot: SOURCE_CHROOT,
      source,
      branches: [...new Set(chroots.map(branchOf))].sort(),
    },
  };
}

export function binaryChild(
  world: BuildWorld,
  chroot: Chroot,
  imported: { name: string; repo: string; branches: Record<string, string> },
): ChrootBuild | undefined {
  const commit = imported.branches[branchOf(chroot)];
  if (commit === undefined) return undefined;
  const { build } = world;
  return {
    ...envelope(world, chrootBuildName(build.metadata.name, chroot.spec.name)),
    spec: {
      ...common(world),
      stage: 'binary',
      chroot: chroot.spec.name,
      package: { name: imported.name, repo: imported.repo, commit },
      ...(build.spec.with ? { with: build.spec.with } : {}),
      ...(build.spec.without ? { without: build.spec.without } : {}),
    },
  };
}

function envelope(world: BuildWorld, name: string): Pick<ChrootBuild, 'apiVersion' | 'kind' | 'metadata'> {
  const { metadata, spec } = world.build;
  return {
    apiVersion: API_VERSION,
    kind: 'ChrootBuild',
    metadata: {
      name,
      namespace: metadata.namespace ?? '',
      // Labels of the Build are not copied: a GitOps tool would take the child for one of its own objects.
      labels: { [BUILD_LABEL]: labelValue(metadata.name), [PROJECT_LABEL]: spec.project },
      ownerReferences: [ownerReference(world.build, { controller: true })],
    },
  };
}

function common(world: BuildWorld) {
  const { build, project, owner } = world;
  const options = project?.spec.options;
  return {
    build: build.metadata.name,
    buildID: build.status?.id ?? 0,
    project: build.spec.project,
    owner: owner ?? '',
    dirname: dirnameOf(project === undefined ? build.spec.project : projectNameOf(project), build),
    timeoutSeconds: build.spec.timeoutSeconds ?? world.package?.spec.timeoutSeconds ?? options?.timeoutSeconds ?? 18000,
    network: build.spec.network ?? options?.network ?? false,
    background: build.spec.background,
    cancelled: false,
  };
}

/**
 * Copr's rule: a chroot is skipped when the spec says that it cannot be built on its architecture. Spec files say i686
 * or armv7hl where the chroot is called i386 or armhfp. "noarch" builds anywhere, and excludes nothing.
 */
export function skipReason(
  chroot: Chroot,
  imported: { exclusiveArch: readonly string[]; excludeArch: readonly string[] },
): string | undefined {
  const { architecture } = chroot.spec;
  const { exclusiveArch, excludeArch } = imported;
  if (exclusiveArch.length > 0 && !exclusiveArch.some((arch) => isArchOf(architecture, arch))) {
    return `ExclusiveArch is ${exclusiveArch.join(' ')}; this chroot is ${architecture}`;
  }
  const excluded = excludeArch.find((arch) => arch !== 'noarch' && isArchOf(architecture, arch));
  return excluded === undefined ? undefined : `ExcludeArch has ${excluded}`;
}
