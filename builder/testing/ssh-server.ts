import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { tool } from './context.ts';

export interface ServerOptions {
  programs?: Readonly<Record<string, string>>;
  keyTypes?: readonly string[];
  config?: readonly string[];
}

/** The image has newer ones of its own, which understand the older programs. */
const OF_GLIBC = /^(ld-linux.*|lib(c|m|dl|rt|util|pthread|resolv)\.so\..*|linux-vdso.*)$/;

/** sshd with what it needs, and accounts that it lets in. Resolves with its host keys. */
export async function placeServer(files: string, options: ServerOptions, publicKey: string): Promise<string[]> {
  const place = async (name: string, content: string, mode = 0o644): Promise<void> => {
    await mkdir(join(files, name, '..'), { recursive: true });
    await writeFile(join(files, name), content, { mode });
  };
  const libraries = join(files, 'opt/sshd');
  await mkdir(libraries, { recursive: true });
  for (const program of await serverPrograms()) {
    await mkdir(join(files, program, '..'), { recursive: true });
    await tool(files, 'cp', program, join(files, program));
    const linked = await tool(files, 'ldd', program);
    for (const [, library = ''] of linked.matchAll(/=> (\/\S+)/g)) {
      if (!OF_GLIBC.test(basename(library))) await tool(files, 'cp', '-L', library, libraries);
    }
  }
  const hostKeys: string[] = [];
  const config = [...(options.config ?? [])];
  await mkdir(join(files, 'etc/ssh'), { recursive: true });
  for (const type of options.keyTypes ?? ['ed25519']) {
    const file = join(files, `etc/ssh/host_${type}`);
    await tool(files, 'ssh-keygen', '-q', '-t', type, '-N', '', '-C', '', '-f', file);
    hostKeys.push((await readFile(`${file}.pub`, 'utf8')).trim().split(' ').slice(0, 2).join(' '));
    config.push(`HostKey /etc/ssh/host_${type}`);
  }
  await place(
    'etc/ssh/sshd_config',
    `${[...config, 'UsePAM no', 'PasswordAuthentication no', 'LogLevel VERBOSE'].join('\n')}\n`,
  );
  await place('root/.ssh/authorized_keys', `${publicKey}\n`, 0o600);
  for (const [name, content] of Object.entries(options.programs ?? {})) await place(name, content, 0o755);
  return hostKeys;
}

async function serverPrograms(): Promise<string[]> {
  const found = await tool('/', 'sh', '-c', 'ls /usr/sbin/sshd /usr/lib/openssh/sshd-* 2>/dev/null || true');
  if (!found.includes('/usr/sbin/sshd')) throw new Error('sshd is missing; install the package openssh-server');
  return found.split('\n');
}
