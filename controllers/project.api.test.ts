import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Builds } from '../crds/build.ts';
import { Chroots } from '../crds/chroot.ts';
import { ChrootBuilds } from '../crds/chrootbuild.ts';
import type { Package } from '../crds/package.ts';
import { Packages } from '../crds/package.ts';
import type { Project } from '../crds/project.ts';
import { Projects } from '../crds/project.ts';
import { isComplete } from '../crds/states.ts';
import type { Condition } from '../operator/conditions.ts';
import { findCondition } from '../operator/conditions.ts';
import { Namespaces, Pods } from '../operator/core.ts';
import { eventually } from '../operator/testing/harness.ts';
import { FINALIZER } from './project/plan.ts';
import { completed, stageOf, WAIT_MS } from './testing/await.ts';
import type { TestCluster } from './testing/cluster.ts';
import { startCluster } from './testing/cluster.ts';
import { createBuild, createChroot, createPackage, createProject, LINK } from './testing/create.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster();
  await cluster.startOperator();
});

afterEach(() => {
  cluster.kubelet.fate = () => 'succeeds';
  cluster.standins.faults.clear();
});

afterAll(() => cluster?.stop());

function project(name: string): Project | undefined {
  return cluster.find(Projects, name);
}

function ready(object: Project | Package | undefined): Condition | undefined {
  return findCondition(object?.status?.conditions as Condition[] | undefined, 'Ready');
}

async function isReady(name: string): Promise<Project> {
  await eventually(`readiness of Project ${name}`, () => ready(project(name))?.status === 'True', WAIT_MS);
  return project(name) as Project;
}

async function isGone(name: string): Promise<void> {
  await eventually(`the end of Project ${name}`, () => project(name) === undefined, WAIT_MS);
}

async function deleteProject(name: string): Promise<void> {
  await cluster.client.delete(Projects, `${cluster.namespaces.tenant}/${name}`, { propagationPolicy: 'Background' });
}

describe('a Project', () => {
  it('gets a repository for each chroot, and a key', async () => {
    const { tenant } = cluster.namespaces;
    await createProject(cluster, 'hello', { options: { repoPriority: 7 } as Project['spec']['options'] });
    const { status, metadata } = await isReady('hello');
    expect(metadata.finalizers).toEqual([FINALIZER]);
    expect(status).toMatchObject({ owner: tenant, publicKeyFingerprint: 'F'.repeat(40), observedGeneration: 1 });
    expect(status?.chroots).toHaveLength(2);
    expect(cluster.standins.publisher.projects.get(`${tenant}/hello`)).toEqual({
      chroots: [
        { name: 'pebble-13-x86_64', architecture: 'x86_64' },
        { name: 'pebble-12-i386', architecture: 'i386' },
      ],
      develMode: false,
      repoFile: { priority: 7, moduleHotfixes: false },
    });
  });

  it('becomes ready although the publisher fails, works and loses a reply', async () => {
    const { faults } = cluster.standins;
    faults.add({ match: /PUT .*projects/, action: { status: 500 } });
    faults.add({ match: /PUT .*projects/, action: 'working' });
    faults.add({ match: /PUT .*projects/, action: 'lost reply' });
    await createProject(cluster, 'patient');
    await isReady('patient');
  });

  it('shows why the publisher refuses it', async () => {
    cluster.standins.faults.add({ match: /PUT .*projects/, action: { status: 422, code: 'BadName' }, times: 9 });
    await createProject(cluster, 'refused');
    await eventually('the refusal', () => ready(project('refused'))?.reason === 'BadName', WAIT_MS);
  });

  it('waits for a Chroot that comes later', async () => {
    const name = `later-${process.pid}-x86_64`;
    await createProject(cluster, 'early', { chroots: [name] });
    await eventually('the complaint', () => ready(project('early'))?.reason === 'ChrootNotFound', WAIT_MS);
    await createChroot(cluster.client, name);
    await isReady('early');
    await cluster.client.delete(Chroots, name.replaceAll('_', '-'));
  });

  it('takes up an owner whose annotation is put right', async () => {
    const { tenant } = cluster.namespaces;
    const annotate = (owner: string | null): Promise<unknown> =>
      cluster.client.mergePatch(Namespaces, tenant, { metadata: { annotations: { 'kopr.dev/owner': owner } } });
    await annotate('not an owner');
    await createProject(cluster, 'owned');
    await eventually('the complaint', () => ready(project('owned'))?.reason === 'OwnerNotValid', WAIT_MS);
    await annotate(`@group-${process.pid}`);
    expect((await isReady('owned')).status?.owner).toBe(`@group-${process.pid}`);
    await annotate(null);
  });
});

describe('the deletion of a Project', () => {
  it('ends its builds, then deletes repositories and sources, then lets go', async () => {
    const { tenant } = cluster.namespaces;
    await createProject(cluster, 'doomed', { chroots: ['pebble-13-x86_64'] });
    await createBuild(cluster, 'done', { project: 'doomed' });
    await completed(cluster, 'done');
    cluster.kubelet.fate = () => 'runs';
    await createBuild(cluster, 'running', { project: 'doomed' });
    await eventually(
      'a running stage',
      () => stageOf(cluster, 'running', 'srpm-builds')?.status?.phase === 'Running',
      WAIT_MS,
    );
    const { publisher, distgit, faults } = cluster.standins;
    faults.add({ match: /DELETE .*publisher/, action: { status: 503 } });
    faults.add({ match: /DELETE .*distgit/, action: 'lost reply' });
    const ends: unknown[] = [];
    const unsubscribe = cluster.watch(Builds, ({ now }) => {
      if (now?.metadata.name === 'running' && isComplete(now)) ends.push(now.status?.reason);
    });
    await deleteProject('doomed');
    await isGone('doomed');
    unsubscribe();
    expect(ends[0]).toBe('ProjectDeleted');
    expect(cluster.list(Builds).filter(({ spec }) => spec.project === 'doomed')).toEqual([]);
    expect(cluster.list(ChrootBuilds).filter(({ spec }) => spec.project === 'doomed')).toEqual([]);
    expect(publisher.deleted).toContain(`${tenant}/doomed`);
    expect(distgit.deleted).toContain(`${tenant}/doomed`);
    await eventually('the end of its pods', () => cluster.list(Pods).length === 0, WAIT_MS);
  });

  it('keeps everything outside the cluster when it is to be retained', async () => {
    await createProject(cluster, 'kept', { deletionPolicy: 'Retain' });
    await isReady('kept');
    await deleteProject('kept');
    await isGone('kept');
    expect(cluster.standins.publisher.deleted).not.toContain(`${cluster.namespaces.tenant}/kept`);
  });
});

describe('a Package', () => {
  const pkg = (): Package | undefined => cluster.find(Packages, 'greet');
  const buildsOf = (): string[] =>
    cluster
      .list(Builds)
      .filter(({ metadata }) => metadata.labels?.['kopr.dev/package'] === 'greet')
      .map(({ metadata }) => metadata.name);
  const patch = (spec: object): Promise<unknown> =>
    cluster.client.mergePatch(Packages, `${cluster.namespaces.tenant}/greet`, { spec });

  it('is built when it appears', async () => {
    await createPackage(cluster, 'greet');
    await eventually('its first build', () => pkg()?.status?.state === 'succeeded', WAIT_MS);
    expect(buildsOf()).toHaveLength(1);
    expect(pkg()?.status).toMatchObject({
      lastBuild: buildsOf()[0],
      lastSucceededBuild: buildsOf()[0],
      version: '2.12-1',
    });
    expect(ready(pkg())).toMatchObject({ status: 'True', reason: 'Published' });
  });

  it('is built again when its source changes, and not when autoBuild is toggled', async () => {
    await patch({ autoBuild: false });
    await patch({ autoBuild: true });
    await eventually('the observation', () => pkg()?.status?.observedGeneration === 3, WAIT_MS);
    expect(buildsOf()).toHaveLength(1);
    await patch({ source: { link: { url: 'http://files.example/hello-2.13-1.src.rpm' } } });
    await eventually('a second build', () => buildsOf().length === 2, WAIT_MS);
    await eventually('its end', () => pkg()?.status?.lastSucceededBuild === pkg()?.status?.lastBuild, WAIT_MS);
  });

  it('is built again when its source changes back', async () => {
    await patch({ source: LINK });
    await eventually('a third build', () => buildsOf().length === 3, WAIT_MS);
  });

  it('may have a name that is longer than a label', async () => {
    const name = `long-${'x'.repeat(70)}.${'y'.repeat(20)}`;
    await createPackage(cluster, name);
    await eventually('its build', () => cluster.find(Packages, name)?.status?.state === 'succeeded', WAIT_MS);
  });

  it('is not built while autoBuild is off, yet a Build may name it', async () => {
    await createPackage(cluster, 'manual', { autoBuild: false });
    await eventually('its status', () => ready(cluster.find(Packages, 'manual'))?.reason === 'NotBuilt', WAIT_MS);
    await createBuild(cluster, 'by-hand', { package: 'manual' });
    expect((await completed(cluster, 'by-hand')).state).toBe('succeeded');
  });
});

describe('a finished Build', () => {
  async function ended(name: string, more: { ttl: number; labels?: Record<string, string> }): Promise<void> {
    await createBuild(cluster, name, { chroots: ['pebble-13-x86_64'], ttlSecondsAfterFinished: more.ttl }, more.labels);
  }

  it('is deleted with its stages when its time is over; its packages stay', async () => {
    const { tenant } = cluster.namespaces;
    await ended('fleeting', { ttl: 1 });
    await completed(cluster, 'fleeting');
    const { generation } = cluster.standins.publisher.repositories.get(`${tenant}/hello/pebble-13-x86_64`) ?? {};
    await eventually('the end of the Build', () => cluster.find(Builds, 'fleeting') === undefined, WAIT_MS);
    await eventually('the end of its stages', () => stageOf(cluster, 'fleeting', 'srpm-builds') === undefined, WAIT_MS);
    expect(cluster.standins.publisher.repositories.get(`${tenant}/hello/pebble-13-x86_64`)?.generation).toBe(
      generation,
    );
  });

  it('of a GitOps tool stays, and loses its stages alone', async () => {
    await ended('tracked', { ttl: 0, labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps' } });
    await completed(cluster, 'tracked');
    await eventually('the end of its stages', () => stageOf(cluster, 'tracked', 'srpm-builds') === undefined, WAIT_MS);
    expect(cluster.find(Builds, 'tracked')?.status?.state).toBe('succeeded');
  });

  it('is kept while it is among the newest of its Project', async () => {
    const retention = { ttlSecondsAfterFinished: 0, keepLast: 1 };
    await createProject(cluster, 'tidy', { chroots: ['pebble-13-x86_64'], retention });
    await createBuild(cluster, 'older', { project: 'tidy' });
    await completed(cluster, 'older');
    await createBuild(cluster, 'newer', { project: 'tidy' });
    await completed(cluster, 'newer');
    await eventually('the end of the older one', () => cluster.find(Builds, 'older') === undefined, WAIT_MS);
    expect(cluster.find(Builds, 'newer')).toBeDefined();
  });
});
