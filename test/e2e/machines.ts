import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utils } from 'ssh2';
import { nodePortURL } from '../../deploy/kubectl.ts';
import { run } from '../../deploy/run.ts';
import type { Call } from '../../services/resalloc/testing/client.ts';
import { call } from '../../services/resalloc/testing/client.ts';
import { ESSENTIAL_TOOLS } from '../distro/releases.ts';
import { HOOKS_SECRET, hypervisorObjects, type KeyPair, poolSecrets, SSH_SECRET, type World } from '../vm/world.ts';
import { apply, BUILDS_NAMESPACE, cluster, freshNamespace, kubectl, RELEASE_NAMESPACE, until } from './harness.ts';

const IMAGES_MS = 2_400_000;
/** Two machines that build, one that starts, and one that is just being deleted. */
const MOST = 4;

/** What every build root of Pebble Linux has: that it is essential is nowhere said in its packages, as in Debian's. */
export const BUILDROOT = [...ESSENTIAL_TOOLS, 'bzip2', 'cpio', 'dnf-plugins-core', 'file', 'mount', 'xz-utils'];

/** Makes the images unless that has been done, and starts a host for virtual machines in a namespace of its own. */
export async function startHypervisor(namespace: string): Promise<World> {
  const archives = (await run(process.execPath, ['test/vm/main.ts', 'images'], { timeoutMs: IMAGES_MS })).trim();
  const reference = await (await cluster()).load(archives.split('\n'));
  await freshNamespace(namespace);
  const keys = { host: keyPair(), hooks: keyPair(), machines: keyPair() };
  const world = { namespace, buildsNamespace: BUILDS_NAMESPACE, keys, reference, most: MOST };
  await apply(...hypervisorObjects(world), ...poolSecrets(world));
  await kubectl('-n', namespace, 'wait', '--for=condition=Ready', 'pod/hypervisor', '--timeout=180s');
  return world;
}

function keyPair(): KeyPair {
  return utils.generateKeyPairSync('ed25519');
}

/** What was made outside the namespace of the hypervisor; pools first, for their hooks need the rest. */
export async function removeHypervisor(namespace: string, pools: readonly string[]): Promise<void> {
  for (const pool of pools) await deletePool(pool);
  await kubectl('-n', BUILDS_NAMESPACE, 'delete', 'secret', HOOKS_SECRET, SSH_SECRET, '--ignore-not-found');
  await kubectl('delete', 'namespace', namespace, '--wait=false');
}

export async function deletePool(name: string): Promise<void> {
  const pool = `builderpool/${name}`;
  await kubectl('-n', BUILDS_NAMESPACE, 'delete', pool, '--ignore-not-found', '--wait', '--timeout=300s');
}

/** What the hypervisor itself says and does. */
export async function vm(namespace: string, ...args: string[]): Promise<string> {
  return kubectl('-n', namespace, 'exec', 'hypervisor', '-c', 'hypervisor', '--', 'vm', ...args);
}

export async function machinesOf(namespace: string, pool: string): Promise<string[]> {
  return (await vm(namespace, 'list')).split('\n').filter((name) => name.startsWith(`${pool}-`));
}

export async function buildersOf(pool: string): Promise<string[]> {
  const path = `jsonpath={range .items[?(@.spec.pool=="${pool}")]}{.metadata.name} {end}`;
  const names = await kubectl('-n', BUILDS_NAMESPACE, 'get', 'builders', '-o', path);
  return names.split(' ').filter((name) => name !== '');
}

/** Calls methods of the XML-RPC interface as clients of Resalloc do, with the password in the URL. */
export async function resallocClient(): Promise<(...one: Call) => Promise<unknown>> {
  const kube = await cluster();
  const template = '{{.data.password | base64decode}}';
  const password = await kubectl(
    '-n',
    RELEASE_NAMESPACE,
    'get',
    'secret',
    'kopr-resalloc',
    '-o',
    `go-template=${template}`,
  );
  const url = new URL(await nodePortURL((args) => kube.kubectl(args), RELEASE_NAMESPACE, 'kopr-resalloc', 49100));
  Object.assign(url, { username: 'resalloc', password });
  return (...one) => call(url.href, ...one);
}

/** What a command prints on a machine, for whoever has the key of the machines. */
export async function login({ keys }: World, host: string, port: number, command: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'kopr-login-'));
  try {
    await writeFile(join(directory, 'id'), keys.machines.private, { mode: 0o600 });
    const options = ['BatchMode=yes', 'ConnectTimeout=60', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null'];
    return (
      await run('ssh', [
        '-F',
        'none',
        '-i',
        join(directory, 'id'),
        '-p',
        String(port),
        ...options.flatMap((option) => ['-o', option]),
        `root@${host}`,
        command,
      ])
    ).trim();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Neither on the hypervisor nor in kopr is anything left of the pool's machines. */
export async function machinesGone(namespace: string, pool: string): Promise<void> {
  await until(
    `the machines of ${pool} are gone`,
    async () => [...(await machinesOf(namespace, pool)), ...(await buildersOf(pool))],
    (names) => names.length === 0,
    240,
  );
}

export interface Stage {
  phase?: string;
  /** The current or last one. */
  builder?: string;
  attempt?: number;
  logURL?: string;
}

/** The stage of a Build in one chroot; nothing while there is none. */
export async function stageOf(namespace: string, build: string, chroot: string): Promise<Stage> {
  const name = `${build}.${chroot.replaceAll('_', '-')}`;
  const json = await kubectl('-n', namespace, 'get', 'chrootbuild', name, '--ignore-not-found', '-o', 'json');
  return json === '' ? {} : ((JSON.parse(json) as { status?: Stage }).status ?? {});
}

/** Resolves with the machine once the build runs on it. */
export async function runningOn(namespace: string, build: string, chroot: string): Promise<string> {
  const { builder = '' } = await until(
    `${build} runs on a machine`,
    () => stageOf(namespace, build, chroot),
    ({ phase, builder: name }) => phase === 'Running' && name !== undefined,
    900,
  );
  return builder;
}

/** The log of the run that is under way in the first slot of a machine, as the machine itself has it. */
export async function farLog(namespace: string, machine: string): Promise<string> {
  return vm(namespace, 'run', machine, 'cat', '/var/tmp/kopr/1/box/results/builder-live.log').catch(() => '');
}
