/** The archiver against a real API server and a real PostgreSQL, both of which it must survive. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Build } from '../../crds/build.ts';
import { Builds } from '../../crds/build.ts';
import { ChrootBuilds } from '../../crds/chrootbuild.ts';
import { ARCHIVED_ANNOTATION } from '../../crds/names.ts';
import { Packages } from '../../crds/package.ts';
import type { Project } from '../../crds/project.ts';
import { Projects } from '../../crds/project.ts';
import { Removals } from '../../crds/removal.ts';
import { systemClock } from '../../lib/clock.ts';
import { Caches } from '../../operator/caches.ts';
import type { ApiClient } from '../../operator/client.ts';
import type { Condition } from '../../operator/conditions.ts';
import { isTrue } from '../../operator/conditions.ts';
import { reflectorMetrics } from '../../operator/metrics.ts';
import type { KubeObject, ResourceType } from '../../operator/resource.ts';
import { eventually, quietLog } from '../../operator/testing/harness.ts';
import { freshNamespace, realClient } from '../../operator/testing/realApi.ts';
import type { Database } from '../db/database.ts';
import { openDatabase } from '../db/index.ts';
import type { TestPostgres } from '../db/testing/postgres.ts';
import { startPostgres } from '../db/testing/postgres.ts';
import type { Archiver } from './archiver.ts';
import { createArchiver } from './archiver.ts';
import {
  aBuild,
  aPackage,
  aProject,
  aRemoval,
  aStage,
  endedStatus,
  removalStatus,
  stageStatus,
} from './testing/objects.ts';

const WAIT_MS = 40_000;
const Crds: ResourceType<KubeObject & { status?: { conditions?: Condition[] } }> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

let client: ApiClient;
let postgres: TestPostgres;
let url: string;
let namespace: string;
let project: Project;
let replicas: Replica[] = [];
let db: Database;
let numbers = 0;

beforeAll(async () => {
  client = await realClient();
  const generated = join(import.meta.dirname, '../../crds/generated');
  for (const file of (await readdir(generated)).filter((name) => name.endsWith('.yaml'))) {
    const definition = parse(await readFile(join(generated, file), 'utf8')) as KubeObject;
    await client.apply(Crds, definition, { manager: 'kopr-test' });
    const established = async () =>
      isTrue((await client.get(Crds, definition.metadata.name))?.status?.conditions, 'Established');
    await eventually(`the CRD ${definition.metadata.name}`, established, 30_000);
  }
  postgres = await startPostgres();
});

afterAll(async () => {
  await postgres?.stop();
  await client?.close();
});

beforeEach(async () => {
  url = await postgres.createDatabase();
  namespace = await freshNamespace(client, 'archive');
  project = await createProject('hello');
  db = openDatabase({ url, clock: systemClock, log: quietLog });
});

afterEach(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()));
  replicas = [];
  await db.close();
});

interface Replica {
  archiver: Archiver;
  registry: Registry;
  stop(): Promise<void>;
}

/** A process of the API, as far as the history goes. It sees this test's namespace alone. */
async function startReplica(): Promise<Replica> {
  const registry = new Registry();
  const scope = { namespaces: [namespace] };
  const caches = new Caches(
    {
      client,
      clock: systemClock,
      log: quietLog,
      random: Math.random,
      metrics: reflectorMetrics(registry),
      transform: (object) => object,
    },
    Object.fromEntries(
      [Projects, Builds, ChrootBuilds, Packages, Removals].map((type) => [`${type.plural}.${type.group}`, scope]),
    ),
  );
  const stores = {
    projects: caches.store(Projects),
    builds: caches.store(Builds),
    chrootBuilds: caches.store(ChrootBuilds),
    packages: caches.store(Packages),
    removals: caches.store(Removals),
  };
  const own = openDatabase({ url, clock: systemClock, log: quietLog });
  const archiver = createArchiver({
    stores,
    client,
    db: own,
    databaseURL: url,
    clock: systemClock,
    log: quietLog,
    registry,
    retryMs: 50,
  });
  await caches.start(30_000, AbortSignal.timeout(30_000));
  archiver.start();
  let stopped: Promise<void> | undefined;
  const replica: Replica = {
    archiver,
    registry,
    stop() {
      stopped ??= archiver
        .stop()
        .then(() => caches.stop())
        .then(() => own.close());
      return stopped;
    },
  };
  replicas.push(replica);
  return replica;
}

async function createProject(name: string): Promise<Project> {
  const created = await client.create(Projects, { metadata: { name, namespace }, spec: aProject(name).spec });
  numbers += 1;
  const { status: _, ...object } = created;
  await client.apply(
    Projects,
    { ...object, status: { id: numbers, owner: namespace } },
    { manager: 'kopr-test', subresource: 'status' },
  );
  return created;
}

/** A Build with its stages, all of which have ended. */
async function finishedBuild(id: number): Promise<Build> {
  const { metadata, spec } = aBuild(id);
  const build = await client.create(Builds, { metadata: { name: metadata.name, namespace }, spec });
  for (const chroot of ['srpm-builds', 'fedora-43-x86_64']) {
    const stage = aStage({ ...build, status: { id } }, chroot);
    const { uid: _, creationTimestamp: __, ...stageMetadata } = stage.metadata;
    const made = await client.create(ChrootBuilds, { metadata: { ...stageMetadata, namespace }, spec: stage.spec });
    await client.apply(
      ChrootBuilds,
      { ...made, status: stageStatus() },
      { manager: 'kopr-test', subresource: 'status' },
    );
  }
  return client.apply(Builds, { ...build, status: endedStatus(id) }, { manager: 'kopr-test', subresource: 'status' });
}

async function annotated(): Promise<string[]> {
  const { items } = await client.list(Builds, { namespace });
  return items
    .filter(({ metadata }) => metadata.annotations?.[ARCHIVED_ANNOTATION] !== undefined)
    .map((b) => b.metadata.name);
}

async function recorded(): Promise<number[]> {
  try {
    return (await db.builds.list({ project: project.metadata.uid ?? '' }, { limit: 1_000, offset: 0 })).map(
      ({ id }) => id,
    );
  } catch {
    return [];
  }
}

/** Writes of all replicas, from their metrics: more than there are Builds would be a double. */
async function writes(): Promise<number> {
  let sum = 0;
  for (const { registry } of replicas) {
    sum += (await registry.getSingleMetric('kopr_history_recorded_builds_total')?.get())?.values[0]?.value ?? 0;
  }
  return sum;
}

const lost = async ({ registry }: Replica) =>
  (await registry.getSingleMetric('kopr_history_lost_builds_total')?.get())?.values[0]?.value;

describe('the archiver', () => {
  it('records what ended, with stages and packages, and says so on the Build', async () => {
    await startReplica();
    await finishedBuild(1);
    await eventually('the annotation', async () => (await annotated()).length === 1, WAIT_MS);
    expect(await db.builds.get(1)).toMatchObject({
      id: 1,
      package: 'hello',
      state: 'succeeded',
      project: { uid: project.metadata.uid, owner: namespace, name: 'hello' },
    });
    expect((await db.builds.chroots(1)).map(({ name }) => name)).toEqual(['srpm-builds', 'fedora-43-x86_64']);
    expect((await db.builds.nevras(1)).get('fedora-43-x86_64')).toHaveLength(1);
    expect(await db.packages.get(project.metadata.uid ?? '', 'hello')).toMatchObject({ declared: false });
  });

  it('records every Build once, whatever happens to its replicas and to PostgreSQL', async () => {
    const count = 40;
    await Promise.all([startReplica(), startReplica()]);
    async function disturb(): Promise<void> {
      await eventually('the first record', async () => (await recorded()).length > 0, WAIT_MS);
      await replicas.find(({ archiver }) => archiver.isLeading())?.stop();
      await postgres.kill();
      await startReplica();
      await new Promise((resolve) => setTimeout(resolve, 300));
      await postgres.start();
      await eventually('more records', async () => (await recorded()).length > 10, WAIT_MS);
      await postgres.kill();
      await postgres.start();
      await replicas.find(({ archiver }) => archiver.isLeading())?.stop();
    }
    const disturbance = disturb();
    for (let id = 1; id <= count; id += 1) await finishedBuild(id);
    await disturbance;
    await eventually('all annotations', async () => (await annotated()).length === count, WAIT_MS);
    const ids = await recorded();
    expect(ids).toEqual(Array.from({ length: count }, (_, index) => count - index));
    for (const id of ids) expect(await db.builds.chroots(id)).toHaveLength(2);
    // A commit of which the answer was lost is not counted, and found to be there by the next try.
    expect(await writes()).toBeLessThanOrEqual(count);
    for (const replica of replicas) expect(await lost(replica)).toBe(0);
    expect(replicas.filter(({ archiver }) => archiver.isLeading())).toHaveLength(1);
  }, 120_000);

  it('annotates what was recorded by a process that died before it could', async () => {
    await finishedBuild(1);
    const first = await startReplica();
    await eventually('the annotation', async () => (await annotated()).length === 1, WAIT_MS);
    await first.stop();
    const annotations = { [ARCHIVED_ANNOTATION]: null };
    await client.mergePatch(Builds, `${namespace}/b-1`, { metadata: { annotations } });
    await startReplica();
    await eventually('the annotation', async () => (await annotated()).length === 1, WAIT_MS);
    expect(await recorded()).toEqual([1]);
  });

  it('records a Build that was deleted while PostgreSQL was away, and misses one deleted before its end', async () => {
    const replica = await startReplica();
    await eventually('the leader', () => replica.archiver.isLeading(), WAIT_MS);
    await postgres.kill();
    await eventually('the loss of the lock', () => !replica.archiver.isLeading(), WAIT_MS);
    await finishedBuild(1);
    await eventually(
      'the Build in the cache',
      async () => (await client.get(Builds, `${namespace}/b-1`))?.status?.state === 'succeeded',
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    await client.delete(Builds, `${namespace}/b-1`);
    await postgres.start();
    await eventually('the record', async () => (await recorded()).length === 1, WAIT_MS);
    expect(await lost(replica)).toBe(0);
    await client.create(Builds, { metadata: { name: 'early', namespace }, spec: aBuild(2).spec });
    await new Promise((resolve) => setTimeout(resolve, 500));
    await client.delete(Builds, `${namespace}/early`);
    await eventually('the count', async () => (await lost(replica)) === 1, WAIT_MS);
  });

  it('deletes the rows of builds whose results were removed, and says so on the Removal', async () => {
    await startReplica();
    await finishedBuild(1);
    await finishedBuild(2);
    await eventually('the records', async () => (await recorded()).length === 2, WAIT_MS);
    const refused = await client.create(Removals, { metadata: { name: 'no', namespace }, spec: aRemoval([2]).spec });
    const removal = await client.create(Removals, {
      metadata: { name: 'gone', namespace },
      spec: aRemoval([1, 99]).spec,
    });
    const manager = { manager: 'kopr-test', subresource: 'status' } as const;
    await client.apply(Removals, { ...refused, status: removalStatus('refused') }, manager);
    await client.delete(Builds, `${namespace}/b-1`);
    await client.apply(Removals, { ...removal, status: removalStatus('removed') }, manager);
    await eventually(
      'the annotation of the Removal',
      async () =>
        (await client.get(Removals, `${namespace}/gone`))?.metadata.annotations?.[ARCHIVED_ANNOTATION] !== undefined,
      WAIT_MS,
    );
    expect(await recorded()).toEqual([2]);
  });

  it('deletes the rows of a deleted Project, and keeps those of others', async () => {
    const other = await createProject('other');
    await startReplica();
    await client.create(Packages, { metadata: { name: 'greet', namespace }, spec: aPackage('greet').spec });
    await finishedBuild(1);
    const uid = project.metadata.uid ?? '';
    await eventually(
      'the rows',
      async () => (await recorded()).length === 1 && (await db.packages.count(uid)) === 2,
      WAIT_MS,
    );
    expect(await db.packages.get(uid, 'greet')).toMatchObject({ declared: true });
    await client.delete(Builds, `${namespace}/b-1`);
    await client.delete(Projects, `${namespace}/hello`);
    // A project is out of sight before the last of its rows is gone.
    await eventually(
      'the end of the rows',
      async () =>
        (await db.projects.byUID(uid)) === undefined &&
        (await recorded()).length === 0 &&
        (await db.packages.count(uid)) === 0,
      WAIT_MS,
    );
    expect(await db.projects.byUID(other.metadata.uid ?? '')).toBeDefined();
  });
});
