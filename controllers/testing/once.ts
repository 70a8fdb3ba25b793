import { expect } from 'vitest';
import type { Build } from '../../crds/build.ts';
import { Builds } from '../../crds/build.ts';
import { Builders } from '../../crds/builder.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import { ChrootBuilds } from '../../crds/chrootbuild.ts';
import { isComplete } from '../../crds/states.ts';
import { Pods } from '../../operator/core.ts';
import { controllerOf } from '../../operator/resource.ts';
import { eventually } from '../../operator/testing/harness.ts';
import type { TestCluster } from './cluster.ts';

/** Bounds each wait, for two busy cores. */
const WAIT_MS = 60_000;

/** A Build has ended, and all that has served it is seen. */
export async function ended(cluster: TestCluster, name: string): Promise<void> {
  await eventually(`the end of Build ${name}`, () => isComplete(cluster.find(Builds, name)), WAIT_MS);
  await eventually(`the sight of all that served Build ${name}`, () => isShown(cluster, name), WAIT_MS);
}

/** Everything of a Build has come to rest, and no builder is left. */
export async function finished(cluster: TestCluster, name: string): Promise<void> {
  await ended(cluster, name);
  await eventually(
    `the end of all that served Build ${name}`,
    () =>
      cluster.list(Builders).length === 0 &&
      cluster.list(Pods).length === 0 &&
      cluster.list(BuilderTickets).every(({ status }) => status?.phase === 'Closed'),
    WAIT_MS,
  );
}

/**
 * Each kind has a watch of its own, and they do not break and come back together: that the Build has succeeded may be
 * seen seconds before its tickets are.
 */
function isShown(cluster: TestCluster, name: string): boolean {
  const build = cluster.find(Builds, name);
  // Another end is not waited for: the expectation that follows says better what is wrong.
  if (build?.status?.state !== 'succeeded') return true;
  const stages = stagesOf(cluster, build);
  const tickets = cluster.list(BuilderTickets);
  const served = ({ metadata: { uid } }: ChrootBuild): boolean =>
    tickets.some(({ spec, metadata }) => spec.chrootBuildUID === uid && cluster.seen.builders.has(metadata.uid ?? ''));
  return stages.length > (build.status.chroots ?? []).length && stages.every(isComplete) && stages.every(served);
}

function stagesOf(cluster: TestCluster, build: Build | undefined): ChrootBuild[] {
  return cluster.list(ChrootBuilds).filter((stage) => controllerOf(stage)?.uid === build?.metadata.uid);
}

/**
 * A Build of one chroot has succeeded at the first attempt, and everything about it was done once, whatever happened to
 * the operators meanwhile.
 */
export function expectOneOfEverything(
  cluster: TestCluster,
  name: string,
  when: string,
  chroot = 'pebble-13-x86_64',
): void {
  const build = cluster.find(Builds, name);
  const { id = 0, state } = build?.status ?? {};
  expect(state, `state ${when}`).toBe('succeeded');
  const ids = [...(cluster.seen.ids.get(build?.metadata.uid ?? '') ?? [])];
  expect(ids, `numbers ${when}`).toEqual([id]);

  const stages = stagesOf(cluster, build);
  expect(stages.map(({ spec, status }) => [spec.chroot, status?.phase, status?.attempt]).sort(), when).toEqual([
    [chroot, 'Succeeded', 1],
    ['srpm-builds', 'Succeeded', 1],
  ]);
  const pods = cluster.kubelet.pods.filter(({ document }) => document.build === id);
  const tasks = stages.map(({ metadata }) => `${metadata.uid}.1`).sort();
  expect(pods.map(({ task }) => task).sort(), `pods ${when}`).toEqual(tasks);
  const tickets = cluster.list(BuilderTickets).filter(({ spec }) => spec.chrootBuild?.startsWith(`${name}.`));
  const builders = tickets.map(({ metadata }) => cluster.seen.builders.get(metadata.uid ?? '')?.size);
  expect(builders, `builders of each ticket ${when}`).toEqual([1, 1]);

  const { publisher, distgit } = cluster.standins;
  const published = publisher.ofBuild(id);
  expect(published.map(({ task }) => task).sort(), `publications ${when}`).toEqual(tasks);
  expect(
    published.filter(({ answer }) => answer.generation !== undefined),
    when,
  ).toHaveLength(1);
  expect(distgit.ofBuild(id), `imports ${when}`).toHaveLength(1);
}
