import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { listen } from '../../lib/listen.ts';
import type { MachineTarget } from '../../lib/protocol/machine.ts';
import type { Chroot } from './chroot.ts';
import { temporaryDirectory, tool } from './context.ts';
import { FIRST_ID } from './namespaces.ts';
import { placeServer } from './ssh-server.ts';

/**
 * A machine for tests: Debian's sshd over the test distribution's image, which has dnf and rpmbuild, on a free port of
 * the loopback address. Its root is root of a user namespace with process numbers and mounts of its own: to the machine
 * that the tests run on it is nobody, and all of it ends with one process.
 */
export interface SshMachine {
  port: number;
  /** As type and base64. */
  hostKeys: string[];
  /** File with the private key that it lets in. */
  keyFile: string;
  /** What sshd has said. */
  said(): string;
  target(overrides?: Partial<MachineTarget>): MachineTarget;
  /** Runs a shell script as its root, beside sshd. Resolves with its standard output; rejects when it fails. */
  root(script: string): Promise<string>;
  /** As when its power fails. */
  kill(): Promise<void>;
  remove(): Promise<void>;
}

export interface SshMachineOptions {
  /** Programs that it has besides, as path → content. */
  programs?: Readonly<Record<string, string>>;
  /** Types of its host keys, as ssh-keygen knows them. */
  keyTypes?: readonly string[];
  /** More lines for sshd_config. */
  config?: readonly string[];
  /** User ids that it has; the default is enough for the user namespaces of three slots. */
  ids?: number;
}

const IDS = 4 * 65_536;

export async function startSshMachine(chroot: Chroot, options: SshMachineOptions = {}): Promise<SshMachine> {
  const directory = await temporaryDirectory();
  const { path } = directory;
  await tool(path, 'chmod', '0755', path);
  for (const name of ['layers', 'image', 'files']) await mkdir(join(path, name));
  const keyFile = join(path, 'key');
  await tool(path, 'ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', keyFile);
  const hostKeys = await placeServer(join(path, 'files'), options, (await readFile(`${keyFile}.pub`, 'utf8')).trim());
  await tool(path, 'chown', '-R', `${FIRST_ID}:${FIRST_ID}`, join(path, 'files'));
  for (const name of ['layers', 'image']) await chown(join(path, name), FIRST_ID, FIRST_ID);
  const port = await freePort();
  const machine = await boot(chroot, path, port, options.ids ?? IDS);
  try {
    await untilListening(machine);
  } catch (error) {
    await machine.kill();
    await directory.remove();
    throw error;
  }
  return {
    port,
    hostKeys,
    keyFile,
    said: () => machine.said(),
    target: (overrides = {}) => ({
      name: 'machine-1',
      host: '127.0.0.1',
      port,
      user: 'root',
      slot: 1,
      hostKeys,
      trustFirstUse: false,
      engine: 'dnf',
      repositories: 'Tunnel',
      connectTimeoutSeconds: 30,
      keepAliveSeconds: 15,
      reconnectSeconds: 120,
      ...overrides,
    }),
    root: async (script) =>
      tool(
        path,
        'nsenter',
        '-t',
        String(await machine.first()),
        '-U',
        '-m',
        '-p',
        '-r',
        '-w',
        '--',
        'sh',
        '-c',
        script,
      ),
    kill: () => machine.kill(),
    async remove() {
      await machine.kill();
      await directory.remove();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, { port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Booted {
  said(): string;
  /** Process number of sshd, the first process there. */
  first(): Promise<number>;
  ended(): boolean;
  kill(): Promise<void>;
}

const BOOT = `set -e
base=$1 port=$2
mount -t tmpfs -o mode=0755 layers "$base/layers"
mkdir "$base/layers/upper" "$base/layers/work" "$base/layers/root"
root=$base/layers/root
mount -t overlay -o "lowerdir=$base/image,upperdir=$base/layers/upper,workdir=$base/layers/work,userxattr" overlay "$root"
cp -r "$base/files/." "$root/"
chmod 0700 "$root/root/.ssh"
chmod 0600 "$root/root/.ssh/authorized_keys" "$root"/etc/ssh/host_*
printf 'sshd:x:74:74::/run/sshd:/usr/sbin/nologin\\nadmin:x:0:0::/root:/bin/sh\\n' >>"$root/etc/passwd"
printf 'sshd:x:74:\\n' >>"$root/etc/group"
printf 'root:*:20000::::::\\nadmin:*:20000::::::\\n' >"$root/etc/shadow"
# Nothing of the machine's own /tmp, /dev/shm or /run: what is written there must be seen here and nowhere else.
mount -t tmpfs -o mode=0755 dev "$root/dev"
for device in null zero full random urandom tty; do : >"$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mkdir -p "$root/run/sshd" "$root/var/tmp" "$root/mnt"
mount -t tmpfs -o mode=1777 tmp "$root/var/tmp"
cd "$root"
mkdir .old
pivot_root . .old
umount -l /.old
rmdir /.old
exec /usr/bin/env -i LD_LIBRARY_PATH=/opt/sshd PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/sbin/sshd -D -e -p "$port" -o ListenAddress=127.0.0.1
`;

const BIND = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';

async function boot(chroot: Chroot, path: string, port: number, ids: number): Promise<Booted> {
  const holder = spawn('unshare', ['--user', '--', 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
  await eventually(async () => (await readFile(`/proc/${holder.pid}/uid_map`, 'utf8')).trim() === '');
  for (const map of ['uid_map', 'gid_map']) await writeFile(`/proc/${holder.pid}/${map}`, `0 ${FIRST_ID} ${ids}\n`);
  const enter = ['nsenter', `--user=/proc/${holder.pid}/ns/user`, '--setuid=0', '--setgid=0', '--'];
  const fork = [
    'unshare',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    '--',
    'sh',
    '-c',
    BOOT,
    'boot',
    path,
    String(port),
  ];
  const bind = ['--mount', '--', 'sh', '-c', BIND, 'bind', chroot.root, join(path, 'image')];
  const child = spawn('unshare', [...bind, ...enter, ...fork], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (said += text.toString()));
  const over = ended(child);
  return {
    said: () => said,
    first: async () =>
      Number((await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')).trim().split(' ')[0]),
    ended: () => child.exitCode !== null || child.signalCode !== null,
    async kill() {
      child.kill('SIGKILL');
      holder.stdin.end();
      await over;
    },
  };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.on('close', () => resolve());
    child.on('error', () => resolve());
  });
}

async function untilListening(machine: Booted): Promise<void> {
  await eventually(async () => {
    if (machine.ended()) throw new Error(`sshd did not start: ${machine.said()}`);
    return machine.said().includes('Server listening');
  });
}

async function eventually(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (await condition()) return;
    await setTimeout(50);
  }
  throw new Error('it did not happen within 30 s');
}
