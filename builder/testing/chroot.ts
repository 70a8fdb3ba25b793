import { spawn } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporaryDirectory, tool } from './context.ts';
import { serveFiles, startWebServer } from './web-server.ts';

/**
 * A build pod without Kubernetes, for tests of the engine script: the chroot image of the test distribution as root
 * file system, root in a user namespace, exactly the capabilities the pod has, volumes under /kopr. Needs root on the
 * machine, as the embedded cluster does. Nothing stays behind: all mounts are in namespaces that end with the process.
 */
export interface Chroot {
  /** URL of the repository that the image was installed from. */
  repoURL: string;
  root: string;
  remove(): Promise<void>;
}

export interface Pod {
  path: string;
  work: string;
  results: string;
  control: string;
  remove(): Promise<void>;
}

export interface EngineRun {
  code: number;
  /** Standard output and error of the script. */
  output: string;
}

export interface EngineOptions {
  /** Another shell than the image's /bin/sh, as path inside the image. */
  shell?: string;
  /** Ends the script as the kubelet would. */
  signal?: AbortSignal;
  /** Programs of the machine that the image is given, such as /usr/bin/mount. */
  programs?: readonly string[];
  /** Capabilities that the container lacks though the pod asks for them. */
  without?: readonly string[];
}

/** Ids of the machine that stand for 0…65535 inside. */
const FIRST_ID = 231_072;
const BUILD_USER = 1000;
const CAPABILITIES = [
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'setfcap',
  'setuid',
  'setgid',
  'setpcap',
  'sys_chroot',
  'kill',
  'sys_admin',
];

/** Builds the test distribution if that has not been done on this machine, and unpacks the image of one release. */
export async function openChroot(release: string): Promise<Chroot> {
  const main = join(import.meta.dirname, '..', '..', 'test', 'distro', 'main.ts');
  const built = await runProgram(process.execPath, [main, 'build']);
  if (built.code !== 0) throw new Error(`the test distribution could not be built: ${built.output.slice(-2000)}`);
  const distribution = built.output.trim().split('\n').at(-1) ?? '';
  const base = await mkdtemp(join(tmpdir(), 'kopr-chroot-'));
  await chmod(base, 0o755);
  const root = join(base, 'root');
  await mkdir(root);
  await chown(root, FIRST_ID, FIRST_ID);
  const image = join(distribution, release, 'chroot.oci.tar');
  for (const layer of await layersOf(image, base)) {
    const unpacked = await inNamespaces(['tar', '-C', root, '--exclude=./dev/*', '--exclude=dev/*', '-xpf', layer], {});
    if (unpacked.code !== 0) throw new Error(`the image could not be unpacked: ${unpacked.output.slice(-2000)}`);
    await rm(layer);
  }
  const repo = join(distribution, release, 'repo');
  const web = await startWebServer((request, response) => serveFiles(repo, request, response));
  const remove = async (): Promise<void> => {
    await web.stop();
    await rm(base, { recursive: true, force: true });
  };
  return { repoURL: web.url, root, remove };
}

async function layersOf(image: string, directory: string): Promise<string[]> {
  await tool(directory, 'tar', '-xf', image);
  const blob = (digest: string): string => join(directory, 'blobs', digest.replace(':', '/'));
  const read = async (path: string): Promise<{ manifests?: { digest: string }[]; layers?: { digest: string }[] }> =>
    JSON.parse(await readFile(path, 'utf8'));
  const index = await read(join(directory, 'index.json'));
  const manifest = await read(blob(index.manifests?.[0]?.digest ?? ''));
  return (manifest.layers ?? []).map((layer) => blob(layer.digest));
}

/** The pod's volumes, with a plan as the fetch container leaves it. */
export async function openPod(plan: ReadonlyMap<string, string>, sources: string): Promise<Pod> {
  const directory = await temporaryDirectory();
  const { path } = directory;
  await chmod(path, 0o755);
  const [work, results, control] = ['work', 'results', 'control'].map((name) => join(path, name)) as [
    string,
    string,
    string,
  ];
  for (const volume of [work, results, control]) {
    // An emptyDir belongs to the pod's root, and everybody may write into it.
    await mkdir(volume);
    await chown(volume, FIRST_ID, FIRST_ID);
    await chmod(volume, 0o777);
  }
  await mkdir(join(work, 'plan'));
  for (const [name, content] of plan) await writeFile(join(work, 'plan', name), content);
  await tool(path, 'cp', join(import.meta.dirname, '..', 'engines', 'container.sh'), join(work, 'plan', 'engine.sh'));
  await tool(path, 'cp', '-r', sources, join(work, 'sources'));
  await ownedByBuildUser(work);
  return { path, work, results, control, remove: directory.remove };
}

/** As if the fetch container, which runs as uid 1000, had written it. */
export async function ownedByBuildUser(directory: string): Promise<void> {
  const owner = `${FIRST_ID + BUILD_USER}:${FIRST_ID + BUILD_USER}`;
  const entries = (await readdir(directory)).map((name) => join(directory, name));
  if (entries.length > 0) await tool(directory, 'chown', '-R', '-h', owner, ...entries);
}

/** Runs the engine script as the build container of `pod`. Its own changes to the image are thrown away. */
export function runEngine(chroot: Chroot, pod: Pod, options: EngineOptions = {}): Promise<EngineRun> {
  const kept = CAPABILITIES.filter((name) => !options.without?.includes(name));
  const bounding = ['-all', ...kept.map((name) => `+${name}`)].join(',');
  // The kubelet's part: root file system on a writable layer, devices, /proc, volumes.
  const script = `set -e
base=$1 lower=$2 shell=$3 bounding=$4
shift 4
mount -t tmpfs -o mode=0755 layers "$base/layers"
mkdir "$base/layers/upper" "$base/layers/work" "$base/layers/root"
root=$base/layers/root
mount -t overlay -o "lowerdir=$lower,upperdir=$base/layers/upper,workdir=$base/layers/work,userxattr" overlay "$root"
mkdir -p "$root/kopr/work" "$root/kopr/results" "$root/kopr/control"
for volume in work results control; do mount --bind "$base/$volume" "$root/kopr/$volume"; done
mount -o remount,bind,ro "$root/kopr/control"
for program in "$@"; do cp "$program" "$root/usr/bin/"; done
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs tmp "$root/tmp"
cd "$root"
exec setpriv --inh-caps=-all --bounding-set="$bounding" -- \
  chroot . /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin KUBERNETES_SERVICE_HOST=10.0.0.1 "$shell" /kopr/work/plan/engine.sh
`;
  const args = [pod.path, chroot.root, options.shell ?? '/bin/sh', bounding, ...(options.programs ?? [])];
  return mkdir(join(pod.path, 'layers'), { recursive: true }).then(() =>
    inNamespaces(['sh', '-c', script, 'pod', ...args], options),
  );
}

/**
 * Runs a program as root of a new user namespace, process 1 of a new process namespace, with mounts of its own. The id
 * maps are written from outside, as a container runtime does it: that needs no setuid helper.
 */
async function inNamespaces(command: readonly string[], options: EngineOptions): Promise<EngineRun> {
  // Holds the namespace open until somebody else is in it; ends with its input.
  const holder = spawn('unshare', ['--user', '--', 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
  try {
    if (holder.pid === undefined) throw new Error('unshare of util-linux is not installed');
    await untilInside(holder.pid);
    for (const map of ['uid_map', 'gid_map']) await writeFile(`/proc/${holder.pid}/${map}`, `0 ${FIRST_ID} 65536\n`);
    const enter = [`--user=/proc/${holder.pid}/ns/user`, '--setuid=0', '--setgid=0', '--'];
    const fork = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--', ...command];
    const child = spawn('nsenter', [...enter, ...fork], { stdio: ['ignore', 'pipe', 'pipe'] });
    const onAbort = (): void => void terminateFirstProcess(child.pid ?? 0);
    options.signal?.addEventListener('abort', onAbort, { once: true });
    return await collect(child);
  } finally {
    holder.stdin.end();
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

function runProgram(command: string, args: readonly string[]): Promise<EngineRun> {
  return collect(spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
}

function collect(child: ReturnType<typeof spawn>): Promise<EngineRun> {
  const parts: Buffer[] = [];
  child.stdout?.on('data', (part: Buffer) => parts.push(part));
  child.stderr?.on('data', (part: Buffer) => parts.push(part));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 255, output: Buffer.concat(parts).toString() }));
  });
}
