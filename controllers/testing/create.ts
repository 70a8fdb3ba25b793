import type { Build } from '../../crds/build.ts';
import { Builds } from '../../crds/build.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { Chroots } from '../../crds/chroot.ts';
import type { Package } from '../../crds/package.ts';
import { Packages } from '../../crds/package.ts';
import type { Project } from '../../crds/project.ts';
import { Projects } from '../../crds/project.ts';
import type { ApiClient } from '../../operator/client.ts';
import { isAlreadyExists } from '../../operator/client.ts';
import type { TestCluster } from './cluster.ts';
import { aChroot } from './objects.ts';

/** Objects as a user would create them: the API server fills in the rest. */

export const CHROOTS = ['pebble-13-x86_64', 'pebble-12-i386'];
export const LINK = { link: { url: 'http://files.example/hello-2.12-1.src.rpm' } };

export async function createChroot(client: ApiClient, name: string): Promise<void> {
  const { metadata, spec } = aChroot(name);
  try {
    await client.create(Chroots, { metadata: { name: metadata.name }, spec });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

export async function createPool(
  client: ApiClient,
  namespace: string,
  name: string,
  spec: Partial<BuilderPool['spec']> = {},
): Promise<BuilderPool> {
  const all = { pod: {}, architectures: ['x86_64', 'i386'], max: 4, maxStarting: 4, ...spec };
  return client.create(BuilderPools, { metadata: { name, namespace }, spec: all as BuilderPool['spec'] });
}

export async function createProject(
  cluster: TestCluster,
  name = 'hello',
  spec: Partial<Project['spec']> = {},
): Promise<Project> {
  const all = { chroots: CHROOTS, ...spec } as Project['spec'];
  return cluster.client.create(Projects, { metadata: { name, namespace: cluster.namespaces.tenant }, spec: all });
}

export async function createBuild(
  cluster: TestCluster,
  name: string,
  spec: Partial<Build['spec']> = {},
  labels: Record<string, string> = {},
): Promise<Build> {
  const { tenant } = cluster.namespaces;
  const all = { project: 'hello', ...(spec.package ? {} : { source: LINK }), ...spec } as Build['spec'];
  return cluster.client.create(Builds, { metadata: { name, namespace: tenant, labels }, spec: all });
}

export async function createPackage(
  cluster: TestCluster,
  name: string,
  spec: Partial<Package['spec']> = {},
): Promise<Package> {
  const all = { project: 'hello', source: LINK, ...spec } as Package['spec'];
  return cluster.client.create(Packages, { metadata: { name, namespace: cluster.namespaces.tenant }, spec: all });
}
