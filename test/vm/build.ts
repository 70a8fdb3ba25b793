import { copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { debianMirror } from '../distro/apt/mirror.ts';
import type { Config } from '../distro/config.ts';
import { writeImage } from '../distro/image/image.ts';
import { inputsHash } from '../distro/inputs.ts';
import { FOREIGN_RELEASE, type Release } from '../distro/releases.ts';
import { buildRepository, type Report } from '../distro/repository.ts';
import { run } from '../distro/run.ts';
import { cached, keyOf } from './cache.ts';
import { MACHINES, type Machine } from './machine.ts';
import { buildSystem } from './system.ts';

export const HYPERVISOR_IMAGE = 'localhost/kopr-test-hypervisor:latest';
export const HOOKS_IMAGE = 'localhost/kopr-test-hooks:latest';

const SUITE = 'trixie';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const HERE = import.meta.dirname;
const SHARE = '/usr/share/kopr-test';
const EMULATORS: Readonly<Record<string, string>> = { x86_64: 'qemu-system-x86', aarch64: 'qemu-system-arm' };
// Python compiles what the systems of other architectures have of it.
const HYPERVISOR_PACKAGES = ['busybox', 'openssh-server', 'procps', 'python3', 'qemu-utils', 'socat', 'tini'];
const HOOKS_PACKAGES = ['openssh-client'];
const USER = '1000:1000';

/** Makes the images unless that has been done, and returns their archives: of the hypervisor, then of the hooks. */
export async function buildMachines(
  config: Config,
  architectures: readonly string[],
  report: Report,
): Promise<[string, string]> {
  const wanted = architectures.length === 0 ? MACHINES : architectures.map(machineOf);
  const parent = join(config.cacheDirectory, 'vm');
  const mirror = await debianMirror(config.mirror);
  return [await hypervisor(wanted, mirror, parent, report), await hooks(mirror, parent, report)];
}

function machineOf(architecture: string): Machine {
  const found = MACHINES.find((machine) => machine.architecture === architecture);
  if (found !== undefined) return found;
  const known = MACHINES.map((machine) => machine.architecture).join(', ');
  throw new Error(`there are no machines of the architecture '${architecture}'; there are: ${known}`);
}

async function hypervisor(
  machines: readonly Machine[],
  mirror: string,
  parent: string,
  report: Report,
): Promise<string> {
  const emulators = machines.map(({ architecture }) => EMULATORS[architecture] ?? '');
  const root = await debian('hypervisor', [...HYPERVISOR_PACKAGES, ...emulators], mirror, parent, report);
  const systems: { architecture: string; directory: string }[] = [];
  for (const machine of machines) {
    systems.push({
      architecture: machine.architecture,
      directory: await system(machine, mirror, root, parent, report),
    });
  }
  const foreign = machines.some(({ release }) => release.foreign);
  const served = foreign ? await repository('repository', FOREIGN_RELEASE, mirror, parent, report) : undefined;
  const files = await filesOf('hypervisor');
  const parts = [root, served ?? '', ...systems.map(({ directory }) => directory)];
  const key = await keyOf([HYPERVISOR_IMAGE, ...parts], [...files, join(HERE, 'build.ts')]);
  const directory = await cached(parent, 'hypervisor-image', key, async (target) => {
    report('writing the image of the hypervisor');
    const scripts = join(target, 'scripts');
    await place(scripts, 'hypervisor/vm.sh', 'usr/local/bin/vm');
    await place(scripts, 'hypervisor/shell.sh', 'usr/local/bin/vm-shell');
    await place(scripts, 'hypervisor/start.sh', 'usr/local/bin/vm-start');
    await place(scripts, 'hypervisor/sshd_config', 'etc/kopr-test/sshd_config');
    await mkdir(join(scripts, SHARE, 'repositories'), { recursive: true });
    await writeImage(join(target, 'image.oci.tar'), {
      name: HYPERVISOR_IMAGE,
      architecture: 'amd64',
      config: { User: USER, Entrypoint: ['/usr/bin/tini', '--', '/usr/local/bin/vm-start'] },
      layers: [
        { directory: root, at: '', keepOwners: true },
        ...systems.map((one) => ({
          directory: one.directory,
          at: `${SHARE}/machines/${one.architecture}`,
          keepOwners: false,
        })),
        ...(served === undefined
          ? []
          : [{ directory: served, at: `${SHARE}/repositories/${FOREIGN_RELEASE.id}`, keepOwners: false }]),
        { directory: scripts, at: '', keepOwners: false },
      ],
    });
    await rm(scripts, { recursive: true });
  });
  return join(directory, 'image.oci.tar');
}

async function hooks(mirror: string, parent: string, report: Report): Promise<string> {
  const root = await debian('hooks', HOOKS_PACKAGES, mirror, parent, report);
  const files = await filesOf('hooks');
  const key = await keyOf([HOOKS_IMAGE, root], [...files, join(HERE, 'build.ts')]);
  const directory = await cached(parent, 'hooks-image', key, async (target) => {
    report('writing the image of the hooks');
    const scripts = join(target, 'scripts');
    for (const file of files) await place(scripts, file.slice(HERE.length + 1), `opt/hooks/${file.split('/').at(-1)}`);
    await writeImage(join(target, 'image.oci.tar'), {
      name: HOOKS_IMAGE,
      architecture: 'amd64',
      config: { Cmd: ['/bin/sh'] },
      layers: [
        { directory: root, at: '', keepOwners: true },
        { directory: scripts, at: '', keepOwners: false },
      ],
    });
    await rm(scripts, { recursive: true });
  });
  return join(directory, 'image.oci.tar');
}

/** The root file system of a small Debian with some packages. */
async function debian(
  name: string,
  packages: readonly string[],
  mirror: string,
  parent: string,
  report: Report,
): Promise<string> {
  const options = [
    '--variant=minbase',
    `--keyring=${KEYRING}`,
    `--include=${packages.join(',')}`,
    ...['doc', 'info', 'locale', 'man'].map((one) => `--dpkgopt=path-exclude=/usr/share/${one}/*`),
  ];
  return cached(parent, `${name}-root`, await keyOf([SUITE, ...options]), async (target) => {
    report(`installing Debian ${SUITE} for the ${name}`);
    await run('mmdebstrap', ['--quiet', ...options, SUITE, target, `deb ${mirror} ${SUITE} main`]);
    // ssh asks for the name of its user.
    await run('useradd', [
      '--root',
      target,
      '--uid',
      '1000',
      '--home-dir',
      '/tmp',
      '--shell',
      '/bin/sh',
      '--password',
      '*',
      'kopr',
    ]);
  });
}

async function system(
  machine: Machine,
  mirror: string,
  python: string,
  parent: string,
  report: Report,
): Promise<string> {
  const name = `system-${machine.architecture}`;
  const source = await repository(`${name}-packages`, machine.release, mirror, parent, report);
  const key = await keyOf(
    [JSON.stringify(machine), source, python],
    [...(await filesOf('guest')), join(HERE, 'system.ts')],
  );
  return cached(parent, name, key, (target) =>
    buildSystem(machine, { mirror, repository: source, python }, target, (line) =>
      report(`${machine.architecture}: ${line}`),
    ),
  );
}

async function repository(
  name: string,
  release: Release,
  mirror: string,
  parent: string,
  report: Report,
): Promise<string> {
  const key = await keyOf([JSON.stringify(release), await inputsHash(join(HERE, '..', 'distro'))]);
  const directory = await cached(parent, name, key, async (target) => {
    await buildRepository(release, mirror, target, (line) => report(`${name}: ${line}`));
    for (const rest of ['apt', 'triggers']) await rm(join(target, rest), { recursive: true, force: true });
  });
  return join(directory, 'repo');
}

async function filesOf(part: string): Promise<string[]> {
  const names = (await readdir(join(HERE, part))).filter((name) => !name.endsWith('.test.ts'));
  return names.toSorted().map((name) => join(HERE, part, name));
}

async function place(root: string, from: string, to: string): Promise<void> {
  const path = join(root, to);
  await mkdir(join(path, '..'), { recursive: true });
  await copyFile(join(HERE, from), path);
}
