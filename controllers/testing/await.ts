import type { Build, BuildStatus } from '../../crds/build.ts';
import { Builds } from '../../crds/build.ts';
import { Builders } from '../../crds/builder.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import { ChrootBuilds } from '../../crds/chrootbuild.ts';
import { isComplete } from '../../crds/states.ts';
import { Pods } from '../../operator/core.ts';
import { eventually } from '../../operator/testing/harness.ts';
import type { TestCluster } from './cluster.ts';

/** Waits that tests on the real API server share. Each ends after this long. */
export const WAIT_MS = 20_000;

export function buildOf(cluster: TestCluster, name: string): Build | undefined {
  return cluster.find(Builds, name);
}

/** Waits until `condition` holds for the Build. */
export async function buildIs(
  cluster: TestCluster,
  name: string,
  what: string,
  condition: (status: BuildStatus) => boolean,
  ms = WAIT_MS,
): Promise<BuildStatus> {
  const status = (): BuildStatus => cluster.find(Builds, name)?.status ?? {};
  try {
    await eventually(what, () => condition(status()), ms);
  } catch (error) {
    throw new Error(`Build ${name}: ${JSON.stringify(status())}`, { cause: error });
  }
  return status();
}

export function completed(cluster: TestCluster, name: string, ms = WAIT_MS): Promise<BuildStatus> {
  return buildIs(cluster, name, `the end of Build ${name}`, () => isComplete(cluster.find(Builds, name)), ms);
}

/** A stage of a Build by its chroot (`srpm-builds` for the source stage). */
export function stageOf(cluster: TestCluster, build: string, chroot: string): ChrootBuild | undefined {
  return cluster.list(ChrootBuilds).find(({ spec }) => spec.build === build && spec.chroot === chroot);
}

/** Waits until nothing of the Build is left in the builds namespace, and its tickets are closed. */
export async function released(cluster: TestCluster, name: string): Promise<void> {
  const mine = (stage: string | undefined): boolean => stage?.split('/').at(-1)?.startsWith(`${name}.`) === true;
  await eventually(
    `the release of everything of ${name}`,
    () =>
      cluster.list(Builders).every(({ spec }) => !mine(spec.chrootBuild?.name)) &&
      cluster.list(Pods).every(({ metadata }) => !mine(metadata.annotations?.['kopr.dev/chrootbuild'])) &&
      cluster.list(BuilderTickets).every(({ spec, status }) => !mine(spec.chrootBuild) || status?.phase === 'Closed'),
    WAIT_MS,
  );
}
