/** A client of Resalloc, the service that speaks to it, and the whole operator; nodes and hooks alone are played. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Operator, TestCluster } from '../controllers/testing/cluster.ts';
import { startCluster } from '../controllers/testing/cluster.ts';
import { Builders } from '../crds/builder.ts';
import { BuilderPools } from '../crds/builderpool.ts';
import { systemClock } from '../lib/clock.ts';
import { eventually, quietLog } from '../operator/testing/harness.ts';
import type { Service } from '../services/resalloc/service.ts';
import { startService } from '../services/resalloc/service.ts';
import { call } from '../services/resalloc/testing/client.ts';

const PASSWORD = 'password-of-the-test';
const WAIT_MS = 60_000;
let cluster: TestCluster;
let operator: Operator;
let service: Service;
let directory = '';
let url = '';
const dead = new Set<string>();

beforeAll(async () => {
  cluster = await startCluster([]);
  const hook = (name: string) => ({ command: ['/bin/sh', '-c', `/opt/scripts/vm-${name}`], timeoutSeconds: 60 });
  await cluster.client.create(BuilderPools, {
    metadata: { name: 'lent', namespace: cluster.namespaces.builds },
    spec: {
      architectures: ['x86_64'],
      tags: ['copr_builder', 'arch_x86_64'].map((name) => ({ name, priority: 0 })),
      max: 4,
      maxStarting: 4,
      preallocated: 1,
      startDelaySeconds: 0,
      startTimeoutSeconds: 60,
      releaseTimeoutSeconds: 60,
      deleteTimeoutSeconds: 60,
      namePattern: '{pool_name}-{id}',
      suspend: false,
      command: {
        image: 'registry.example/scripts:1',
        imagePullPolicy: 'IfNotPresent',
        new: hook('new'),
        delete: hook('delete'),
        livecheck: hook('livecheck'),
        release: hook('release'),
        listPeriodSeconds: 1800,
      },
      liveness: { periodSeconds: 2, attempts: 1, timeoutSeconds: 30 },
      reuse: { waitSeconds: 600, maxUses: 0, maxSeconds: 3600 },
    },
  });
  cluster.jobs.end = ({ hook: name, machine }) => {
    if (name === 'new') return { exitCode: 0, output: `---\nhost: ${machine}.example\n` };
    return { exitCode: name === 'livecheck' && dead.has(machine) ? 1 : 0 };
  };
  operator = await cluster.startOperator();
  directory = mkdtempSync(join(tmpdir(), 'kopr-resalloc-whole-'));
  writeFileSync(join(directory, 'password'), PASSWORD);
  service = await startService(
    {
      logLevel: 'info',
      httpPort: 0,
      metricsPort: 0,
      metricsTokenFile: undefined,
      // The operator of this cluster looks at the tickets of one namespace alone.
      releaseNamespace: cluster.namespaces.tenant,
      passwordFile: join(directory, 'password'),
      maxWaiters: 10,
      apiServer: {},
    },
    { client: cluster.client, clock: systemClock, log: quietLog, registry: new Registry() },
  );
  url = `http://resalloc:${PASSWORD}@127.0.0.1:${service.ports.http}`;
});

afterAll(async () => {
  await service?.stop();
  await operator?.stop();
  await cluster?.stop();
  rmSync(directory, { recursive: true, force: true });
});

interface Lent {
  number: number;
  output: string;
}

/** As Copr does it: a ticket, and the machine that it gets. */
async function borrow(sandbox?: string): Promise<Lent> {
  const number = Number(await call(url, 'takeTicket', ['copr_builder', 'arch_x86_64'], sandbox ?? null));
  const { binary } = (await call(url, 'waitTicket', number)) as { binary: string };
  return { number, output: binary };
}

const machineOf = ({ output }: Lent): string => /host: (.*)\.example/.exec(output)?.[1] ?? '';
const ran = (machine: string): string[] =>
  cluster.jobs.runs.filter((run) => run.machine === machine && run.hook !== 'livecheck').map(({ hook }) => hook);

async function giveBack(lent: Lent): Promise<void> {
  await call(url, 'closeTicket', lent.number);
  const released = (): boolean => {
    const machine = cluster.find(Builders, machineOf(lent));
    return machine === undefined || (machine.spec.ticket === undefined && machine.status?.phase === 'Ready');
  };
  await eventually('the release of the machine', released, WAIT_MS);
}

describe('a client of Resalloc', { timeout: 180_000 }, () => {
  it('gets a machine of its pool, and in its sandbox the same one again, cleaned', async () => {
    const first = await borrow('alice/hello--alice');
    expect(first.output).toMatch(/^---\nhost: lent-\d{8}\.example\n$/);
    await giveBack(first);
    const second = await borrow('alice/hello--alice');
    expect(second.output).toBe(first.output);
    expect(second.number).not.toBe(first.number);
    expect(ran(machineOf(first))).toEqual(['new', 'release']);
    const other = await borrow('bob/hello--bob');
    expect(other.output).not.toBe(first.output);
    await giveBack(second);
    await giveBack(other);
  });

  it('hears that its ticket has failed when the machine dies, and that it is still ready', async () => {
    const lent = await borrow('carol/hello--carol');
    dead.add(machineOf(lent));
    let collected: unknown;
    await eventually(
      'the failure of the ticket',
      async () => {
        collected = await call(url, 'collectTicket', lent.number);
        return (collected as { failed: boolean }).failed;
      },
      WAIT_MS,
    );
    expect(collected).toEqual({ ready: true, output: { binary: lent.output }, closed: false, failed: true });
    await call(url, 'closeTicket', lent.number);
    await eventually('the end of the machine', () => cluster.find(Builders, machineOf(lent)) === undefined, WAIT_MS);
    expect(ran(machineOf(lent))).toEqual(['new', 'delete']);
  });

  it('that gives no sandbox has a machine that nobody gets after it, although others keep theirs and the pool is full', async () => {
    const [first, second] = [await borrow(), await borrow()];
    expect(machineOf(second)).not.toBe(machineOf(first));
    await giveBack(first);
    const third = await borrow();
    expect([machineOf(first), machineOf(second)]).not.toContain(machineOf(third));
    await giveBack(second);
    await giveBack(third);
  });
});
