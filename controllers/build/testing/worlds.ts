import type { Build, BuildStatus } from '../../../crds/build.ts';
import type { ChrootBuild } from '../../../crds/chrootbuild.ts';
import { aBuild, aChroot, aProject, aSourceStage, endedAs } from '../../testing/objects.ts';
import type { BuildWorld } from '../world.ts';

/** Worlds for tests of what one Build needs next. */

export const CHROOTS = ['pebble-13-x86_64', 'pebble-12-i386'];

const IMPORTED = {
  name: 'hello',
  version: '2.12-1',
  repo: 'demo/hello/hello',
  branches: { 'pebble-12': 'a'.repeat(40), 'pebble-13': 'b'.repeat(40) },
  exclusiveArch: [] as string[],
  excludeArch: [] as string[],
};

export function aWorld(more: Partial<BuildWorld> = {}): BuildWorld {
  const chroots = CHROOTS.map((name) => aChroot(name));
  return {
    build: aBuild(),
    project: aProject(),
    package: undefined,
    owner: 'demo',
    cycle: undefined,
    chroots: new Map(chroots.map((chroot) => [chroot.spec.name, chroot])),
    children: [],
    strangers: [],
    after: new Map(),
    batch: [],
    ...more,
  };
}

/** The source stage of a Build whose sources are in distgit. */
export function importedStage(imported: Partial<typeof IMPORTED> = {}): ChrootBuild {
  return aSourceStage({ ...endedAs('succeeded'), imported: { ...IMPORTED, ...imported } });
}

/** Status of one condition of a plan. */
export function condition(plan: { status: BuildStatus | undefined }, type: string): string | undefined {
  return plan.status?.conditions?.find((c) => c.type === type)?.status;
}

/** A Build as it would be had it been made earlier. */
export function madeAt(creationTimestamp: string, build: Build = aBuild()): Build {
  return { ...build, metadata: { ...build.metadata, creationTimestamp } };
}
