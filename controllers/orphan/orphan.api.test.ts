import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Builders } from '../../crds/builder.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { installCRDs } from '../../crds/testing/install.ts';
import { systemClock, toTimestamp } from '../../lib/clock.ts';
import type { ApiClient } from '../../operator/client.ts';
import type { Job } from '../../operator/core.ts';
import { Events, Jobs, Pods } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import { createManager } from '../../operator/manager.ts';
import { keyOf, ownerReference } from '../../operator/resource.ts';
import { eventually, quietLog } from '../../operator/testing/harness.ts';
import { freshNamespace, realClient } from '../../operator/testing/realApi.ts';
import { BEGIN_OUTPUT } from '../hook/output.ts';
import { COMMAND, SSH } from '../hook/testing/objects.ts';
import { createOnce } from '../shared/create.ts';
import { isGoneOrOther } from '../shared/patch.ts';
import { addOrphanController } from './index.ts';
import { isListJob, orphanRunOf } from './jobs.ts';

const WAIT_MS = 60_000;

let client: ApiClient;
let builds: string;
let world: Manager;
let operator: Manager;
/** Names of the machines that are in the cloud. */
const cloud = new Set(['known-1', 'lost-1', 'lost-2']);
/** Failures of the hook "delete" that are still to come, by machine. */
const failures = new Map([['lost-2', 1]]);
const deletions: string[] = [];

/** Nodes and the Job controller are played: what a hook prints comes from here. */
async function* podLog(key: string): AsyncGenerator<Buffer> {
  const pod = await client.get(Pods, key);
  const isList = pod?.metadata.labels?.['kopr.dev/hook'] === 'list';
  yield Buffer.from(`what it says\n\n${BEGIN_OUTPUT}\n${isList ? [...cloud, '$(odd)'].join('\n') : ''}\n`);
}

async function runJob(job: Job): Promise<void> {
  if (job.status?.conditions !== undefined || job.metadata.deletionTimestamp !== undefined) return;
  const { namespace = '', labels = {} } = job.metadata;
  const metadata = {
    name: job.metadata.name,
    namespace,
    labels,
    ownerReferences: [ownerReference(job, { controller: true })],
  };
  await createOnce(client, Pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec: job.spec.template.spec });
  const machine = orphanRunOf(job)?.machine;
  const left = machine === undefined ? 0 : (failures.get(machine) ?? 0);
  if (machine !== undefined) {
    deletions.push(machine);
    failures.set(machine, left - 1);
    if (left <= 0) cloud.delete(machine);
  }
  const now = toTimestamp(systemClock.now());
  const ended = (types: string[]) =>
    types.map((type) => ({
      type,
      status: 'True' as const,
      reason: 'Test',
      message: '',
      lastTransitionTime: now,
      lastProbeTime: now,
    }));
  const status =
    left > 0
      ? { startTime: now, failed: 1, conditions: ended(['FailureTarget', 'Failed']) }
      : { startTime: now, completionTime: now, succeeded: 1, conditions: ended(['SuccessCriteriaMet', 'Complete']) };
  await client.mergePatch(Jobs, keyOf(job), { status }, { subresource: 'status' });
}

function start(own: ApiClient, add: (manager: Manager) => void): Promise<Manager> {
  const scope = { namespaces: [builds] };
  const manager = createManager({
    client: own,
    clock: systemClock,
    log: quietLog,
    registry: new Registry(),
    name: 'kopr.dev/test',
    instance: 'test',
    drainMs: 500,
    scopes: { 'builders.kopr.dev': scope, 'builderpools.kopr.dev': scope, pods: scope, 'jobs.batch': scope },
  });
  add(manager);
  return manager.start().then(() => manager);
}

beforeAll(async () => {
  client = await realClient();
  await installCRDs(client);
  builds = await freshNamespace(client, 'builds');
  world = await start(client, (manager) => {
    manager.store(BuilderPools);
    manager.addController({
      name: 'jobs',
      for: Jobs,
      rbac: [],
      reconcile: async (key) => {
        const job = manager.store(Jobs).get(key);
        if (job === undefined) return;
        try {
          await runJob(job);
        } catch (error) {
          if (!isGoneOrOther(error)) throw error;
        }
      },
    });
  });
  operator = await start({ ...client, podLog }, (manager) => addOrphanController(manager, { buildsNamespace: builds }));
});

afterAll(async () => {
  await operator?.stop();
  await world?.stop();
  await client?.close();
});

describe('machines that no Builder stands for', () => {
  it('are found by the hook "list", deleted with retries, and told of; all others stay', async () => {
    await client.create(Builders, {
      metadata: { name: 'known-1', namespace: builds },
      spec: { pool: 'cloud', machine: { index: 0 }, architecture: 'x86_64' },
    });
    await client.create(BuilderPools, {
      metadata: { name: 'cloud', namespace: builds },
      spec: {
        command: { ...COMMAND, list: { command: ['/hooks/list'], timeoutSeconds: 60 }, listPeriodSeconds: 1 },
        ssh: SSH,
        architectures: ['x86_64'],
      } as never,
    });
    await eventually('the deletion of the orphans', () => cloud.size === 1, WAIT_MS);
    expect([...cloud]).toEqual(['known-1']);
    expect(deletions.filter((name) => name === 'lost-2').length).toBeGreaterThanOrEqual(2);
    expect(deletions).not.toContain('known-1');

    const pool = (): string | undefined => world.store(BuilderPools).get(`${builds}/cloud`)?.status?.lastListAt;
    await eventually('the time of the list', () => pool() !== undefined, WAIT_MS);
    const left = (): Job[] =>
      world
        .store(Jobs)
        .list(builds)
        .filter((job) => !isListJob(job));
    await eventually('the end of the Jobs', () => left().length === 0, WAIT_MS);
    const reasons = async (): Promise<Set<string>> => {
      const { items } = await client.list(Events, { namespace: builds });
      return new Set(items.map(({ reason }) => reason));
    };
    const isIn = (seen: Set<string>): boolean =>
      ['OrphansFound', 'OrphanRemoved', 'OddNames'].every((each) => seen.has(each));
    await eventually('the events', async () => isIn(await reasons()), WAIT_MS);
  }, 180_000);
});
