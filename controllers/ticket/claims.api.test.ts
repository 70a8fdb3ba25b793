import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Builder } from '../../crds/builder.ts';
import { Builders } from '../../crds/builder.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import { installCRDs } from '../../crds/testing/install.ts';
import { systemClock } from '../../lib/clock.ts';
import type { ApiClient } from '../../operator/client.ts';
import type { Manager } from '../../operator/manager.ts';
import { createManager } from '../../operator/manager.ts';
import { eventually, quietLog } from '../../operator/testing/harness.ts';
import { freshNamespace, realClient } from '../../operator/testing/realApi.ts';
import { Blade } from '../testing/blade.ts';
import { aTicket } from '../testing/objects.ts';
import { createAssigner } from './assign.ts';
import { addTicketController } from './index.ts';
import { createSchedulerMetrics } from './metrics.ts';
import { aLoan, aMachine, aMachinePool } from './testing/worlds.ts';

const WAIT_MS = 30_000;
const CONTEXT = { signal: new AbortController().signal, log: quietLog, clock: systemClock, reconcileID: 'test' };

let client: ApiClient;
let namespaces: { tenant: string; builds: string; release: string };
const managers: Manager[] = [];

beforeAll(async () => {
  client = await realClient();
  await installCRDs(client);
});

beforeEach(async () => {
  namespaces = {
    tenant: await freshNamespace(client, 'tenant'),
    builds: await freshNamespace(client, 'builds'),
    release: await freshNamespace(client, 'release'),
  };
  const { spec } = aMachinePool('cloud');
  await client.create(BuilderPools, { metadata: { name: 'cloud', namespace: namespaces.builds }, spec });
});

afterEach(async () => {
  await Promise.all(managers.splice(0).map((manager) => manager.stop()));
});

afterAll(() => client?.close());

async function createMachine(name: string, status: Builder['status'] = { phase: 'Ready' }): Promise<Builder> {
  const { spec } = aMachine(name);
  await client.create(Builders, { metadata: { name, namespace: namespaces.builds }, spec });
  return setStatus(name, status);
}

function setStatus(name: string, status: Builder['status']): Promise<Builder> {
  const metadata = { name, namespace: namespaces.builds };
  return client.apply(Builders, { metadata, status } as never, { manager: 'kopr-test', subresource: 'status' });
}

async function createTicket({ metadata: { name }, spec }: BuilderTicket): Promise<BuilderTicket> {
  return client.create(BuilderTickets, { metadata: { name, namespace: namespaces.tenant }, spec });
}

async function ticketNamed(name: string): Promise<BuilderTicket> {
  const ticket = await client.get(BuilderTickets, `${namespaces.tenant}/${name}`);
  if (ticket === undefined) throw new Error(`there is no ticket ${name}`);
  return ticket;
}

async function machineNamed(name: string): Promise<Builder> {
  const machine = await client.get(Builders, `${namespaces.builds}/${name}`);
  if (machine === undefined) throw new Error(`there is no machine ${name}`);
  return machine;
}

/** A ticket of which this comes true. */
async function told(name: string, what: string, isSo: (status: BuilderTicket['status']) => boolean) {
  await eventually(`${name} to be ${what}`, async () => isSo((await ticketNamed(name)).status), WAIT_MS);
  return (await ticketNamed(name)).status;
}

function createScheduler(blade = new Blade()): Manager {
  const registry = new Registry();
  const manager = createManager({
    client: blade.client(client),
    clock: systemClock,
    log: quietLog,
    registry,
    name: 'kopr.dev/test',
    instance: 'test',
    drainMs: 200,
    scopes: {
      'buildertickets.kopr.dev': { namespaces: [namespaces.tenant] },
      'builders.kopr.dev': { namespaces: [namespaces.builds] },
      'builderpools.kopr.dev': { namespaces: [namespaces.builds] },
      'buildquotas.kopr.dev': { namespaces: [namespaces.tenant, namespaces.release] },
      'projects.kopr.dev': { namespaces: [namespaces.tenant] },
    },
  });
  managers.push(manager);
  addTicketController(manager, {
    buildsNamespace: namespaces.builds,
    releaseNamespace: namespaces.release,
    metrics: createSchedulerMetrics(registry, systemClock),
  });
  return manager;
}

describe('a machine on a real API server', () => {
  it('is claimed for a stage, and the ticket is told', async () => {
    await createMachine('m1');
    await createScheduler().start();
    const { metadata } = await createTicket(aTicket('t1'));
    expect(await told('t1', 'assigned', (status) => status?.phase === 'Assigned')).toMatchObject({
      pool: 'cloud',
      builder: 'm1',
    });
    expect((await machineNamed('m1')).spec).toMatchObject({
      ticket: { namespace: namespaces.tenant, name: 't1', uid: metadata.uid },
      chrootBuild: { namespace: namespaces.tenant, name: 't1', uid: 'uid-of-t1' },
      attempt: 1,
      sandbox: 'demo/hello',
    });
  });

  it('is given to the next ticket when it becomes free, and only to its sandbox', async () => {
    const machine = aMachine('m1', { ticket: aTicket('gone') });
    await client.create(Builders, { metadata: { name: 'm1', namespace: namespaces.builds }, spec: machine.spec });
    await setStatus('m1', { phase: 'Releasing' });
    await createScheduler().start();
    await createTicket(aTicket('other', { project: 'other' }));
    await createTicket(aTicket('same'));
    await told('same', 'waiting', (status) => status?.phase === 'Waiting');
    await client.mergePatch(Builders, `${namespaces.builds}/m1`, {
      spec: { ticket: null, chrootBuild: null, attempt: null },
    });
    await setStatus('m1', { phase: 'Ready' });
    await told('same', 'assigned', (status) => status?.phase === 'Assigned');
    expect((await ticketNamed('other')).status?.phase).toBe('Waiting');
  });

  it('goes to one of two schedulers that race for it', async () => {
    const machine = await createMachine('m1');
    const metrics = createSchedulerMetrics(new Registry(), systemClock);
    const racing = [await createTicket(aTicket('t1')), await createTicket(aTicket('t2'))];
    const outcomes = await Promise.all(
      racing.map((ticket) => {
        const assigner = createAssigner(createScheduler(), { buildsNamespace: namespaces.builds, metrics });
        return assigner.assign({ ticket, pool: 'cloud', machine }, CONTEXT);
      }),
    );
    expect(outcomes.toSorted()).toEqual(['done', 'taken']);
    const phases = await Promise.all(racing.map(async ({ metadata }) => (await ticketNamed(metadata.name)).status));
    const winner = racing[outcomes.indexOf('done')]?.metadata.name;
    expect(phases.filter((status) => status?.phase === 'Assigned')).toHaveLength(1);
    expect((await machineNamed('m1')).spec.ticket?.name).toBe(winner);
  });

  it('has one ticket, and every ticket one machine, with two schedulers at work', async () => {
    const names = ['m1', 'm2', 'm3'];
    for (const name of names) await createMachine(name);
    const wanted = Array.from({ length: 5 }, (_, index) => `t${index}`);
    await Promise.all(wanted.map((name) => createTicket(aTicket(name))));
    await Promise.all([createScheduler(), createScheduler()].map((manager) => manager.start()));
    await eventually(
      'every machine to be taken',
      async () => {
        const { items } = await client.list(BuilderTickets, { namespace: namespaces.tenant });
        return items.filter(({ status }) => status?.phase === 'Assigned').length >= 3;
      },
      WAIT_MS,
    );
    const claims = await Promise.all(names.map(async (name) => (await machineNamed(name)).spec.ticket?.name));
    expect(new Set(claims).size).toBe(3);
    for (const [index, name] of claims.entries()) {
      if (name === undefined) throw new Error(`machine ${names[index]} was not claimed`);
      expect((await ticketNamed(name)).status?.phase).toBe('Assigned');
    }
  });

  it('is not given to a ticket that has one which the cache does not show yet', async () => {
    const [first, second] = [await createMachine('m1'), await createMachine('m2')];
    const metrics = createSchedulerMetrics(new Registry(), systemClock);
    const assigner = createAssigner(createScheduler(), { buildsNamespace: namespaces.builds, metrics });
    const ticket = await createTicket(aTicket('t1'));
    for (const machine of [first, second]) {
      expect(await assigner.assign({ ticket, pool: 'cloud', machine }, CONTEXT)).toBe('done');
    }
    expect((await machineNamed('m2')).spec.ticket).toBeUndefined();
    expect((await ticketNamed('t1')).status?.builder).toBe('m1');
  });

  it('is the one that the ticket is told of by the next scheduler when the first dies in between', async () => {
    await createMachine('m1');
    await createMachine('m2');
    const blade = new Blade(1);
    await createScheduler(blade).start();
    const { metadata } = await createTicket(aTicket('t1'));
    await blade.died;
    expect((await machineNamed('m1')).spec.ticket?.uid).toBe(metadata.uid);
    expect((await ticketNamed('t1')).status).toBeUndefined();
    await createScheduler().start();
    const status = await told('t1', 'assigned', (now) => now?.phase === 'Assigned');
    expect(status?.builder).toBe('m1');
    expect((await machineNamed('m2')).spec.ticket).toBeUndefined();
  });
});

describe('a ticket of a client of Resalloc', () => {
  it('is told what the pool says of its machine, and when the machine is lost', async () => {
    await createMachine('m1', { phase: 'Ready', data: 'MTAuMC4wLjEK' });
    await createScheduler().start();
    await createTicket(aLoan('loan'));
    const assigned = await told('loan', 'assigned', (status) => status?.phase === 'Assigned');
    expect(assigned).toMatchObject({ builder: 'm1', output: 'MTAuMC4wLjEK' });
    expect((await machineNamed('m1')).spec).not.toHaveProperty('chrootBuild');
    await setStatus('m1', { phase: 'Lost', message: 'three probes in a row failed' });
    const failed = await told('loan', 'failed', (status) => status?.phase === 'Failed');
    expect(failed?.message).toBe(
      'machine m1 was lost: three probes in a row failed; close the ticket and take another one',
    );
  });

  it('is told that its machine is gone', async () => {
    await createMachine('m1');
    await createScheduler().start();
    await createTicket(aLoan('loan'));
    await told('loan', 'assigned', (status) => status?.phase === 'Assigned');
    await client.delete(Builders, `${namespaces.builds}/m1`);
    await told('loan', 'failed', (status) => status?.phase === 'Failed');
  });

  it('is not told so because a cache is behind', async () => {
    await createMachine('m1');
    const loan = await createTicket(aLoan('loan'));
    const metrics = createSchedulerMetrics(new Registry(), systemClock);
    const assigner = createAssigner(createScheduler(), { buildsNamespace: namespaces.builds, metrics });
    await assigner.assign({ ticket: loan, pool: 'cloud', machine: await machineNamed('m1') }, CONTEXT);
    expect(await assigner.fail({ ticket: await ticketNamed('loan'), machine: 'm1' })).toBe(false);
    expect((await ticketNamed('loan')).status?.phase).toBe('Assigned');
  });
});

describe('waiting tickets', () => {
  it('are told why, their place and an estimate, and nothing once they are closed', async () => {
    await createScheduler().start();
    await createTicket(aTicket('t1'));
    await createTicket(aTicket('t2'));
    const first = await told('t1', 'told', (status) => status?.position === 0);
    expect(first).toMatchObject({
      phase: 'Waiting',
      reason: 'MachineStarting',
      message: 'waits for a machine of pool cloud; one is to be started',
      estimatedSeconds: 75,
    });
    expect(first?.estimatedAt).toBeDefined();
    await told('t2', 'second', (status) => status?.position === 1);
    await client.mergePatch(BuilderTickets, `${namespaces.tenant}/t1`, { spec: { closed: true } });
    const closed = await told('t1', 'closed', (status) => status?.phase === 'Closed');
    expect(closed).not.toHaveProperty('position');
    await told('t2', 'the first', (status) => status?.position === 0);
  });
});
