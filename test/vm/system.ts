import { appendFile, chmod, copyFile, mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { downloadClosure } from '../distro/apt/closure.ts';
import type { Report } from '../distro/repository.ts';
import { installRoot } from '../distro/root.ts';
import { run } from '../distro/run.ts';
import type { Machine } from './machine.ts';

/** Room for a build root and what is built in it; only what is used takes place. */
const DISK_BYTES = 12 * 2 ** 30;
/** What the kernel has not built in, in the order in which it is loaded. The first disk is NVMe, which it has. */
const MODULES = ['drivers/block/virtio_blk', 'net/core/failover', 'drivers/net/net_failover', 'drivers/net/virtio_net'];
const GUEST = join(import.meta.dirname, 'guest');

export interface SystemSources {
  mirror: string;
  /** With the packages of the machine's release. */
  repository: string;
  /** A root file system with the same version of Python, whose programs run here. */
  python: string;
}

/**
 * Makes DIRECTORY/disk.qcow2 and DIRECTORY/vmlinuz: Pebble Linux with an sshd, installed without running any of its
 * programs if they are foreign. A bootloader, an initial RAM disk and an init system would take longer to start than
 * everything else.
 */
export async function buildSystem(
  machine: Machine,
  from: SystemSources,
  directory: string,
  report: Report,
): Promise<void> {
  const { mirror, repository, python } = from;
  const work = join(directory, 'work');
  const root = join(work, 'root');
  await mkdir(work, { recursive: true });
  report('installing the system of machines');
  await installRoot(machine.release, repository, root, join(work, 'scratch'));
  await furnish(root);
  if (machine.release.foreign) await compilePython(python, root);
  report('adding the kernel');
  await addKernel(machine, mirror, join(work, 'kernel'), root, directory);
  report('writing the disk');
  const raw = join(work, 'disk.raw');
  await writeFile(raw, '');
  await truncate(raw, DISK_BYTES);
  await run('mkfs.ext4', ['-q', '-F', '-L', 'kopr', '-E', 'lazy_itable_init=1,nodiscard', '-d', root, raw]);
  const options = ['-c', '-o', 'compression_type=zstd'];
  await run('qemu-img', ['convert', '-O', 'qcow2', ...options, raw, join(directory, 'disk.qcow2')]);
  await rm(work, { recursive: true });
}

async function furnish(root: string): Promise<void> {
  for (const name of ['proc', 'sys', 'run', 'tmp', 'dev', 'root']) await mkdir(join(root, name), { recursive: true });
  await chmod(join(root, 'tmp'), 0o1777);
  await chmod(join(root, 'var', 'tmp'), 0o1777);
  // The kernel opens it for the first process, which then mounts the real ones over it.
  await run('mknod', ['-m', '0600', join(root, 'dev', 'console'), 'c', '5', '1']);
  await copyFile(join(GUEST, 'init.sh'), join(root, 'usr', 'sbin', 'kopr-init'));
  await copyFile(join(GUEST, 'sshd_config'), join(root, 'etc', 'ssh', 'sshd_config'));
  await appendFile(join(root, 'etc', 'passwd'), 'sshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n');
  await appendFile(join(root, 'etc', 'shadow'), 'sshd:*:19000:0:99999:7:::\n');
}

/** What Python compiles is the same everywhere; without it an emulated dnf takes a minute to start. */
async function compilePython(python: string, root: string): Promise<void> {
  const script = `mount --bind "$1" "$2/mnt" && chroot "$2" python3 -m compileall -q -s /mnt -p / -x "$3" /mnt/usr/lib/python3 /mnt/usr/lib/python3.*`;
  const skip = '/(test|tests|idlelib|ensurepip|turtledemo|pydoc_data)/';
  // The mount ends with its namespace, however that ends.
  await run('unshare', ['--mount', 'sh', '-c', script, 'sh', root, python, skip]);
}

async function addKernel(machine: Machine, mirror: string, work: string, root: string, out: string): Promise<void> {
  const debs = await downloadClosure({ ...machine.release, buildRoot: [], extra: [machine.kernel] }, mirror, work);
  const deb = debs.find((path) => /\/linux-image-[0-9][^/]*$/.test(path));
  if (deb === undefined) throw new Error(`${machine.kernel} brings no kernel`);
  const files = join(work, 'files');
  await run('dpkg-deb', ['--extract', deb, files]);
  const name = (await readdir(join(files, 'boot'))).find((one) => one.startsWith('vmlinuz-'));
  if (name === undefined) throw new Error(`${deb} has no kernel`);
  await copyFile(join(files, 'boot', name), join(out, 'vmlinuz'));
  const modules = join(root, 'usr', 'lib', 'kopr-modules');
  await mkdir(modules);
  for (const module of MODULES) {
    const path = join(files, 'usr', 'lib', 'modules', name.slice('vmlinuz-'.length), 'kernel', `${module}.ko`);
    await run('xz', ['--decompress', `${path}.xz`]);
    await copyFile(path, join(modules, path.slice(path.lastIndexOf('/') + 1)));
  }
}
