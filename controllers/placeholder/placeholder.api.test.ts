import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BuilderPools } from '../../crds/builderpool.ts';
import { Chroots } from '../../crds/chroot.ts';
import { installCRDs } from '../../crds/testing/install.ts';
import { systemClock } from '../../lib/clock.ts';
import type { ApiClient } from '../../operator/client.ts';
import type { Pod } from '../../operator/core.ts';
import { Events, Pods } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import { createManager } from '../../operator/manager.ts';
import type { KubeObject, ResourceType } from '../../operator/resource.ts';
import { keyOf } from '../../operator/resource.ts';
import { eventually, quietLog } from '../../operator/testing/harness.ts';
import { freshNamespace, realClient } from '../../operator/testing/realApi.ts';
import { isGoneOrOther } from '../shared/patch.ts';
import { createChroot } from '../testing/create.ts';
import { INSTALLATION } from '../testing/objects.ts';
import { addPlaceholderController } from './index.ts';

const WAIT_MS = 60_000;
/** Nobody else's chroots: they are of the whole cluster, and other tests have some. */
const ARCHITECTURE = 'riscv64';

interface PriorityClass extends KubeObject {
  value: number;
}
const PriorityClasses: ResourceType<PriorityClass> = {
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  namespaced: false,
};

let client: ApiClient;
let builds: string;
let world: Manager;
let operator: Manager;
const chroots: string[] = [];

/** Nodes are played: every pod runs at once. */
async function run(pod: Pod): Promise<void> {
  if (pod.status?.phase === 'Running' || pod.metadata.deletionTimestamp !== undefined) return;
  await client.mergePatch(Pods, keyOf(pod), { status: { phase: 'Running' } }, { subresource: 'status' });
}

async function start(add: (manager: Manager) => void): Promise<Manager> {
  const scope = { namespaces: [builds] };
  const manager = createManager({
    client,
    clock: systemClock,
    log: quietLog,
    registry: new Registry(),
    name: 'kopr.dev/test',
    instance: 'test',
    drainMs: 500,
    scopes: { 'builderpools.kopr.dev': scope, pods: scope },
  });
  add(manager);
  await manager.start();
  return manager;
}

beforeAll(async () => {
  client = await realClient();
  await installCRDs(client);
  builds = await freshNamespace(client, 'builds');
  world = await start((manager) =>
    manager.addController({
      name: 'nodes',
      for: Pods,
      rbac: [],
      reconcile: async (key) => {
        const pod = manager.store(Pods).get(key);
        try {
          if (pod !== undefined) await run(pod);
        } catch (error) {
          if (!isGoneOrOther(error)) throw error;
        }
      },
    }),
  );
  operator = await start((manager) =>
    addPlaceholderController(manager, {
      installation: { ...INSTALLATION, buildsNamespace: builds },
      priorityClassName: `placeholder-${builds}`,
      clock: systemClock,
    }),
  );
});

afterAll(async () => {
  await operator?.stop();
  await world?.stop();
  for (const name of chroots) await client.delete(Chroots, name.replaceAll('_', '-'));
  await client?.delete(PriorityClasses, `placeholder-${builds}`);
  await client?.close();
});

async function addChroot(name: string): Promise<void> {
  chroots.push(name);
  await createChroot(client, name);
}

/** Running placeholders, by slot. */
function running(): Pod[] {
  const slot = (pod: Pod): string => pod.metadata.labels?.['kopr.dev/slot'] ?? '';
  return world
    .store(Pods)
    .list(builds)
    .filter(({ status, metadata }) => status?.phase === 'Running' && metadata.deletionTimestamp === undefined)
    .sort((a, b) => (slot(a) < slot(b) ? -1 : 1));
}

function names(): string[] {
  return running().map(({ metadata }) => metadata.name);
}

function patch(spec: object): Promise<unknown> {
  return client.mergePatch(BuilderPools, `${builds}/warm`, { spec });
}

describe('placeholders on a real API server', { timeout: 180_000 }, () => {
  it('are refused without their PriorityClass, which is told', async () => {
    const spec = { pod: { warm: 1 }, architectures: [ARCHITECTURE], max: 9 };
    await client.create(BuilderPools, { metadata: { name: 'warm', namespace: builds }, spec: spec as never });
    const isTold = async (): Promise<boolean> => {
      const { items } = await client.list(Events, { namespace: builds });
      return items.some(({ reason, note }) => reason === 'PlaceholderRefused' && note?.includes('PriorityClass'));
    };
    await eventually('the event', isTold, WAIT_MS);
    await client.create(PriorityClasses, { metadata: { name: `placeholder-${builds}` }, value: -10 });
  });

  it('are as many as the pool wants, and belong to it', async () => {
    // The API server may take a moment to learn of the class: another change makes another attempt.
    await eventually(
      'two placeholders',
      async () => {
        await patch({ pod: { warm: 2 }, description: `at ${systemClock.now()}` });
        return running().length === 2;
      },
      WAIT_MS,
    );
    const [pod] = running();
    expect(pod?.metadata.ownerReferences).toMatchObject([{ kind: 'BuilderPool', name: 'warm' }]);
    expect(pod?.spec.priority).toBe(-10);
  });

  it('are replaced one by one when a chroot is new', async () => {
    const old = names();
    let fewest = running().length;
    const end = world.store(Pods).subscribe(() => {
      fewest = Math.min(fewest, running().length);
    });
    await addChroot('pebble-13-riscv64');
    await eventually('new ones', () => running().length === 2 && names().every((name) => !old.includes(name)), WAIT_MS);
    end();
    expect(fewest).toBe(1);
    expect(running().map(({ spec }) => spec.initContainers?.map(({ image }) => image))).toEqual([
      ['localhost/pebble-13-riscv64'],
      ['localhost/pebble-13-riscv64'],
    ]);
  });

  it('that are pushed aside come back after a pause', async () => {
    const [pod] = running();
    if (pod === undefined) throw new Error('there is one');
    const at = systemClock.monotonic();
    await client.delete(Pods, keyOf(pod), { gracePeriodSeconds: 0 });
    await eventually('its end', () => running().length === 1, WAIT_MS);
    await eventually('the new one', () => running().length === 2, WAIT_MS);
    expect(systemClock.monotonic() - at).toBeGreaterThan(9_000);
    expect(names()).toContain(pod.metadata.name);
  });

  it('go when fewer are wanted, and when the pool is suspended', async () => {
    await patch({ pod: { warm: 1 } });
    await eventually('one', () => running().length === 1, WAIT_MS);
    await patch({ suspend: true });
    await eventually('none', () => running().length === 0, WAIT_MS);
  });
});
