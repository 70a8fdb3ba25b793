/** Virtual machines that a pool of hooks starts, and machines that are there already. Each is an emulated computer with a
 * kernel of its own, to which nothing leads but SSH. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { machinePool, SSH_SECRET, type World } from '../vm/world.ts';
import {
  apply,
  attempts,
  BUILDS_NAMESPACE,
  build,
  freshNamespace,
  kubectl,
  link,
  packagesOf,
  pathOf,
  project,
  results,
  succeeded,
  until,
  waitComplete,
} from './harness.ts';
import { install } from './install.ts';
import {
  BUILDROOT,
  buildersOf,
  deletePool,
  farLog,
  login,
  machinesGone,
  machinesOf,
  removeHypervisor,
  resallocClient,
  runningOn,
  stageOf,
  startHypervisor,
  vm,
} from './machines.ts';

const NS = 'e2e-machines';
const POOL = 'e2e-vm';
/** No name begins with that of another pool: their hooks tell their machines apart by it. */
const KEPT = 'e2e-kept';
const HOSTS = 'e2e-hosts';
/** Chroots without an image: no pod can build them. Each wants a pool of its own by a tag. */
const CHROOT = 'machine-13-x86_64';
const HOSTS_CHROOT = 'inventory-13-x86_64';
/** A start, a build root and a build, all of it emulated, on a machine that does other things as well. */
const BUILD_SECONDS = 900;

let world: World;

function chroot(name: string, tag: string): object {
  return {
    apiVersion: 'kopr.dev/v1alpha1',
    kind: 'Chroot',
    metadata: { name: name.replaceAll('_', '-') },
    spec: {
      name,
      distribution: name.slice(0, name.lastIndexOf('-')),
      architecture: 'x86_64',
      distTag: '.pb13',
      repos: [{ id: 'pebble', baseurl: 'http://files.example/pebble/13/x86_64/' }],
      buildrootPackages: [...BUILDROOT],
      tags: [tag],
    },
  };
}

beforeAll(async () => {
  world = await startHypervisor('e2e-hypervisor');
  await freshNamespace(NS);
  await apply(chroot(CHROOT, 'e2e_vm'), chroot(HOSTS_CHROOT, 'e2e_hosts'));
  await apply(
    machinePool(world, POOL, 'x86_64', { tags: [{ name: 'e2e_vm' }] }),
    project(NS, 'vm', { chroots: [CHROOT] }),
    project(NS, 'hosts', { chroots: [HOSTS_CHROOT] }),
  );
  await kubectl('-n', NS, 'wait', '--for=condition=Ready', 'project/vm', 'project/hosts', '--timeout=120s');
}, 2_700_000);

afterAll(async () => {
  await kubectl('delete', 'namespace', NS, '--wait', '--timeout=180s');
  await removeHypervisor('e2e-hypervisor', [HOSTS, KEPT, POOL]);
  await kubectl('delete', 'chroots', 'machine-13-x86-64', 'inventory-13-x86-64', '--ignore-not-found');
}, 900_000);

describe('a virtual machine of a pool with hooks', () => {
  it('is started for a build, builds over SSH, and is gone afterwards', async () => {
    await apply(build(NS, 'words', 'vm', link('words-3.1-1.src.rpm')));
    const machine = await runningOn(NS, 'words', CHROOT);
    expect(machine).toMatch(/^e2e-vm-\d{8}$/);
    expect(await machinesOf(world.namespace, POOL)).toContain(machine);
    expect(succeeded(await waitComplete(NS, 'words', BUILD_SECONDS))).toMatchObject({ status: 'True' });
    expect(await attempts(NS, 'words')).toBe(`${CHROOT}=1 srpm-builds=1 `);
    expect(await install(NS, 'vm', CHROOT, 'words')).toBe('words-3.1-1.pb13.noarch');
    await machinesGone(world.namespace, POOL);
  }, 1_200_000);

  it('that loses its power in the middle of a build is replaced, and the build is published once', async () => {
    await apply(build(NS, 'killed', 'vm', link('slow-1.0-1.src.rpm')));
    const first = await runningOn(NS, 'killed', CHROOT);
    await until(
      'the run has begun',
      () => farLog(world.namespace, first),
      (log) => log !== '',
      240,
    );
    await vm(world.namespace, 'kill', first);
    expect(succeeded(await waitComplete(NS, 'killed', 2 * BUILD_SECONDS))).toMatchObject({ status: 'True' });
    expect(await attempts(NS, 'killed')).toBe(`${CHROOT}=2 srpm-builds=1 `);
    expect((await stageOf(NS, 'killed', CHROOT)).builder).not.toBe(first);
    const published = (await packagesOf(NS, 'vm', CHROOT)).filter((name) => name.startsWith('slow-'));
    expect(published).toEqual(['slow-1.0-1.pb13.noarch', 'slow-1.0-1.pb13.src']);
    await machinesGone(world.namespace, POOL);
  }, 2_400_000);

  it('whose network is cut in the middle of a build is heard out, and the build runs once', async () => {
    await apply(build(NS, 'cut', 'vm', link('slow-1.0-1.src.rpm')));
    const machine = await runningOn(NS, 'cut', CHROOT);
    await until(
      'the run has begun',
      () => farLog(world.namespace, machine),
      (log) => log !== '',
      240,
    );
    await vm(world.namespace, 'cut', machine);
    // Longer than the driver waits for three answers: it has to make a new connection.
    await new Promise((resolve) => setTimeout(resolve, 45_000));
    await vm(world.namespace, 'mend', machine);
    let far = '';
    const log = until(
      'the build has ended',
      async () => {
        const now = await farLog(world.namespace, machine);
        // It is removed with the machine.
        if (now !== '') far = now;
        return stageOf(NS, 'cut', CHROOT);
      },
      ({ phase }) => phase === 'Succeeded' || phase === 'Failed',
      BUILD_SECONDS,
    );
    const { logURL = '' } = await log;
    expect(succeeded(await waitComplete(NS, 'cut'))).toMatchObject({ status: 'True' });
    expect(await attempts(NS, 'cut')).toBe(`${CHROOT}=1 srpm-builds=1 `);
    expect((await stageOf(NS, 'cut', CHROOT)).builder).toBe(machine);
    const stored = await results(pathOf(logURL));
    const seconds = stored.split('\n').filter((line) => line.startsWith('still building'));
    expect(seconds).toEqual(Array.from({ length: 20 }, (_, index) => `still building: second ${index + 1}`));
    expect(far).not.toBe('');
    // What the pod has said by itself, before it reached the machine, comes first.
    expect(stored).toContain(far);
    await machinesGone(world.namespace, POOL);
  }, 1_800_000);

  it('is lent to a client of Resalloc, who logs in by itself and gives it back', async () => {
    const client = await resallocClient();
    const number = Number(await client('takeTicket', ['e2e_vm'], 'other/hello'));
    const told = await until(
      'the ticket has a machine',
      () => client('collectTicket', number) as Promise<{ ready: boolean; output: { binary: string } }>,
      ({ ready }) => ready,
      400,
    );
    const { host, ssh_port } = parse(told.output.binary) as { host: string; ssh_port: number };
    const [machine = ''] = await buildersOf(POOL);
    expect(await machinesOf(world.namespace, POOL)).toEqual([machine]);
    expect(await login(world, host, ssh_port, 'hostname')).toBe(machine);
    await client('closeTicket', number);
    await machinesGone(world.namespace, POOL);
  }, 900_000);

  it('that kopr does not know is found by "list" and removed', async () => {
    await vm(world.namespace, 'new', `${POOL}-99999999`);
    await machinesGone(world.namespace, POOL);
  }, 400_000);

  it('goes with its pool', async () => {
    await apply(machinePool(world, KEPT, 'x86_64', { tags: [{ name: 'e2e_nobody' }], preallocated: 1, max: 1 }));
    await kubectl(
      '-n',
      BUILDS_NAMESPACE,
      'wait',
      '--for=jsonpath={.status.free}=1',
      `builderpool/${KEPT}`,
      '--timeout=400s',
    );
    expect(await machinesOf(world.namespace, KEPT)).toEqual(await buildersOf(KEPT));
    await deletePool(KEPT);
    expect(await machinesOf(world.namespace, KEPT)).toEqual([]);
    expect(await buildersOf(KEPT)).toEqual([]);
  }, 900_000);
});

describe('a machine of an inventory', () => {
  it('runs two builds of one project at a time, is cleaned after each, and stays', async () => {
    const name = 'inventory-one';
    const { host, ssh_port, host_key } = parse(await vm(world.namespace, 'new', name)) as {
      host: string;
      ssh_port: number;
      host_key: string;
    };
    await until(
      'it answers',
      () =>
        vm(world.namespace, 'check', name).then(
          () => true,
          () => false,
        ),
      Boolean,
      240,
    );
    await apply({
      apiVersion: 'kopr.dev/v1alpha1',
      kind: 'BuilderPool',
      metadata: { name: HOSTS, namespace: BUILDS_NAMESPACE },
      spec: {
        architectures: ['x86_64'],
        tags: [{ name: 'e2e_hosts' }],
        max: 2,
        hosts: { machines: [{ name: 'one', address: host, port: ssh_port, slots: 2, hostKeys: [host_key] }] },
        ssh: { keySecretName: SSH_SECRET, connectTimeoutSeconds: 60 },
      },
    });
    await apply(...['first', 'second'].map((one) => build(NS, one, 'hosts', link('slow-1.0-1.src.rpm'))));
    const slots = await Promise.all(['first', 'second'].map((one) => runningOn(NS, one, HOSTS_CHROOT)));
    expect(slots.toSorted()).toEqual([`${HOSTS}-one-1`, `${HOSTS}-one-2`]);
    for (const one of ['first', 'second']) {
      expect(succeeded(await waitComplete(NS, one, 2 * BUILD_SECONDS))).toMatchObject({ status: 'True' });
      expect(await attempts(NS, one)).toBe(`${HOSTS_CHROOT}=1 srpm-builds=1 `);
    }
    const left = () => vm(world.namespace, 'run', name, 'find', '/var/tmp/kopr', '-mindepth', '1', '-name', 'box');
    await until('nothing of the builds is left', left, (found) => found.trim() === '', 240);
    await deletePool(HOSTS);
    expect(await buildersOf(HOSTS)).toEqual([]);
    await vm(world.namespace, 'check', name);
    await vm(world.namespace, 'delete', name);
  }, 2_400_000);
});
