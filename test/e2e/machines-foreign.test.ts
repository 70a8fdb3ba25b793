/** A chroot of an architecture that no node of the cluster has: its packages are made on an emulated machine that has it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { foreignRepositoryURL, machinePool } from '../vm/world.ts';
import {
  apply,
  attempts,
  build,
  freshNamespace,
  kubectl,
  link,
  packagesOf,
  pathOf,
  project,
  results,
  succeeded,
  waitComplete,
} from './harness.ts';
import { BUILDROOT, machinesGone, removeHypervisor, runningOn, stageOf, startHypervisor, vm } from './machines.ts';

const NS = 'e2e-foreign';
const HYPERVISOR = 'e2e-hypervisor';
const POOL = 'e2e-arm';
const CHROOT = 'pebble-13-aarch64';

beforeAll(async () => {
  const world = await startHypervisor(HYPERVISOR);
  await freshNamespace(NS);
  await apply({
    apiVersion: 'kopr.dev/v1alpha1',
    kind: 'Chroot',
    metadata: { name: CHROOT },
    spec: {
      name: CHROOT,
      distribution: 'pebble-13',
      architecture: 'aarch64',
      distTag: '.pb13',
      buildrootPackages: [...BUILDROOT],
      repos: [{ id: 'pebble', baseurl: foreignRepositoryURL(HYPERVISOR) }],
    },
  });
  await apply(machinePool(world, POOL, 'aarch64', { max: 1 }), project(NS, 'p', { chroots: [CHROOT] }));
  await kubectl('-n', NS, 'wait', '--for=condition=Ready', 'project/p', '--timeout=120s');
}, 2_700_000);

afterAll(async () => {
  await kubectl('delete', 'namespace', NS, '--wait', '--timeout=180s');
  await removeHypervisor(HYPERVISOR, [POOL]);
  await kubectl('delete', 'chroot', CHROOT, '--ignore-not-found');
}, 900_000);

it('a package is built on a machine of its architecture', async () => {
  await apply(build(NS, 'native', 'p', link('native-1.0-1.src.rpm')));
  const machine = await runningOn(NS, 'native', CHROOT);
  expect((await vm(HYPERVISOR, 'run', machine, 'uname', '-m')).trim()).toBe('aarch64');
  expect(succeeded(await waitComplete(NS, 'native', 1200))).toMatchObject({ status: 'True' });
  expect(await attempts(NS, 'native')).toBe(`${CHROOT}=1 srpm-builds=1 `);
  expect(await packagesOf(NS, 'p', CHROOT)).toEqual(['native-1.0-1.pb13.aarch64', 'native-1.0-1.pb13.src']);
  const { logURL = '' } = await stageOf(NS, 'native', CHROOT);
  expect(await results(pathOf(logURL))).toMatch(/^aarch64$/m);
  await machinesGone(HYPERVISOR, POOL);
}, 1_800_000);
