import { spawn } from 'node:child_process';
import { open, readFile, writeFile } from 'node:fs/promises';

export interface ProgramRun {
  code: number;
  /** Standard output and error of the program. */
  output: string;
}

interface NamespaceOptions {
  signal?: AbortSignal;
  /** Files and directories that the program finds open as 3, 4, …: root inside may not reach them by their paths. */
  open?: readonly string[];
  /** A directory, and a place that root inside can reach where it is to be seen. */
  bind?: readonly [string, string];
}

/** Ids of the machine that stand for 0…65535 inside. */
export const FIRST_ID = 231_072;

const BIND = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';

/**
 * Runs a program as root of a new user namespace, process 1 of a new process namespace, with mounts of its own. The id
 * maps are written from outside, as a container runtime does it: that needs no setuid helper.
 */
export async function inNamespaces(command: readonly string[], options: NamespaceOptions): Promise<ProgramRun> {
  const files = await Promise.all((options.open ?? []).map((path) => open(path, 'r')));
  // Holds the namespace open until somebody else is in it; ends with its input.
  const holder = spawn('unshare', ['--user', '--', 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
  try {
    if (holder.pid === undefined) throw new Error('unshare of util-linux is not installed');
    await untilInside(holder.pid);
    for (const map of ['uid_map', 'gid_map']) await writeFile(`/proc/${holder.pid}/${map}`, `0 ${FIRST_ID} 65536\n`);
    const enter = [`--user=/proc/${holder.pid}/ns/user`, '--setuid=0', '--setgid=0', '--'];
    const fork = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--', ...command];
    const stdio = ['ignore' as const, 'pipe' as const, 'pipe' as const, ...files.map((file) => file.fd)];
    const bind =
      options.bind === undefined ? [] : ['unshare', '--mount', '--', 'sh', '-c', BIND, 'bind', ...options.bind];
    const [first = '', ...rest] = [...bind, 'nsenter', ...enter, ...fork];
    const child = spawn(first, rest, { stdio });
    const onAbort = (): void => void terminateFirstProcess(child.pid ?? 0);
    options.signal?.addEventListener('abort', onAbort, { once: true });
    return await collect(child);
  } finally {
    holder.stdin.end();
    for (const file of files) await file.close();
  }
}

/** `unshare` becomes a member of the namespace a moment after it was started. */
async function untilInside(pid: number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const map = await readFile(`/proc/${pid}/uid_map`, 'utf8');
    if (map.trim() === '') return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('no user namespace could be made; is this the root of the machine?');
}

/** SIGTERM goes to the first process inside, not to the `unshare` that started it. */
async function terminateFirstProcess(pid: number): Promise<void> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  for (const child of children.trim().split(' ')) process.kill(Number(child), 'SIGTERM');
}

export function runProgram(command: string, args: readonly string[]): Promise<ProgramRun> {
  return collect(spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
}

function collect(child: ReturnType<typeof spawn>): Promise<ProgramRun> {
  const parts: Buffer[] = [];
  child.stdout?.on('data', (part: Buffer) => parts.push(part));
  child.stderr?.on('data', (part: Buffer) => parts.push(part));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 255, output: Buffer.concat(parts).toString() }));
  });
}
