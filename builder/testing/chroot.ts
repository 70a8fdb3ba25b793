import { access, chmod, chown, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { prune } from '../../test/distro/prune.ts';
import { temporaryDirectory, tool } from './context.ts';
import type { ProgramRun } from './namespaces.ts';
import { FIRST_ID, inNamespaces, runProgram } from './namespaces.ts';
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

export interface EngineOptions {
  /** Another shell than the image's /bin/sh, as path inside the image. */
  shell?: string;
  /** Ends the script as the kubelet would. */
  signal?: AbortSignal;
  /** Programs of the machine that the image is given, such as /usr/bin/mount. */
  programs?: readonly string[];
  /** Files that the image has besides, as path → content; one that begins with `#!` is a program. */
  files?: Readonly<Record<string, string>>;
  /** Programs that the image is to lack, as paths in it. */
  hidden?: readonly string[];
  /** Capabilities that the container lacks though the pod asks for them. */
  without?: readonly string[];
}

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

export const ENGINE = join(import.meta.dirname, '..', 'engines', 'container');

/** Unpacked images that stay in the cache, of both releases together. */
const KEPT = 4;

/**
 * Builds the test distribution if that has not been done on this machine, and unpacks the image of one release beside
 * it, once.
 */
export async function openChroot(release: string): Promise<Chroot> {
  const main = join(import.meta.dirname, '..', '..', 'test', 'distro', 'main.ts');
  const built = await runProgram(process.execPath, [main, 'build']);
  if (built.code !== 0) throw new Error(`the test distribution could not be built: ${built.output.slice(-2000)}`);
  const distribution = built.output.trim().split('\n').at(-1) ?? '';
  const cache = join(distribution, '..', '..', 'chroots');
  const root = join(cache, `${basename(distribution)}-${release}`);
  await mkdir(cache, { recursive: true });
  if (!(await exists(root))) await unpack(join(distribution, release, 'chroot.oci.tar'), root);
  await prune(cache, /^[0-9a-f]{16}-[^.]*$/, KEPT);
  const repo = join(distribution, release, 'repo');
  const web = await startWebServer((request, response) => serveFiles(repo, request, response));
  return { repoURL: web.url, root, remove: () => web.stop() };
}

async function unpack(image: string, root: string): Promise<void> {
  const base = await mkdtemp(`${root}.partial-`);
  try {
    const made = join(base, 'root');
    await mkdir(made);
    await chown(made, FIRST_ID, FIRST_ID);
    for (const layer of await layersOf(image, base)) {
      const command = [
        'tar',
        '-C',
        '/proc/self/fd/3',
        '--exclude=./dev/*',
        '--exclude=dev/*',
        '-xpf',
        '/proc/self/fd/4',
      ];
      const unpacked = await inNamespaces(command, { open: [made, layer] });
      if (unpacked.code !== 0) throw new Error(`the image could not be unpacked: ${unpacked.output.slice(-2000)}`);
    }
    // Another test may have been faster; its directory has the same content.
    await rename(made, root).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(base, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
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

/** The pod's volumes, empty. */
export async function preparePod(): Promise<Pod> {
  const directory = await temporaryDirectory();
  const { path } = directory;
  await chmod(path, 0o755);
  const volume = async (name: string): Promise<string> => {
    // An emptyDir belongs to the pod's root, and everybody may write into it.
    await mkdir(join(path, name));
    await chown(join(path, name), FIRST_ID, FIRST_ID);
    await chmod(join(path, name), 0o777);
    return join(path, name);
  };
  const [work, results, control] = [await volume('work'), await volume('results'), await volume('control')];
  return { path, work, results, control, remove: () => directory.remove() };
}

/** The pod's volumes with a plan and sources, as the fetch container leaves them. */
export async function openPod(plan: ReadonlyMap<string, string>, sources: string): Promise<Pod> {
  const pod = await preparePod();
  const { work } = pod;
  await mkdir(join(work, 'plan'));
  for (const [name, content] of plan) await writeFile(join(work, 'plan', name), content);
  await tool(pod.path, 'cp', '-r', `${ENGINE}/.`, join(work, 'plan'));
  await tool(pod.path, 'cp', '-r', sources, join(work, 'sources'));
  await ownedByBuildUser(work);
  return pod;
}

/** As if the fetch container, which runs as uid 1000, had written it. */
export async function ownedByBuildUser(directory: string): Promise<void> {
  const owner = `${FIRST_ID + BUILD_USER}:${FIRST_ID + BUILD_USER}`;
  const entries = (await readdir(directory)).map((name) => join(directory, name));
  if (entries.length > 0) await tool(directory, 'chown', '-R', '-h', owner, ...entries);
}

/** Runs the engine script as the build container of `pod`. Its own changes to the image are thrown away. */
export async function runEngine(chroot: Chroot, pod: Pod, options: EngineOptions = {}): Promise<ProgramRun> {
  const kept = CAPABILITIES.filter((name) => !options.without?.includes(name));
  const bounding = ['-all', ...kept.map((name) => `+${name}`)].join(',');
  // The kubelet's part: root file system on a writable layer, devices, /proc, volumes.
  const script = `set -e
base=$1 shell=$2 bounding=$3
shift 3
mount -t tmpfs -o mode=0755 layers "$base/layers"
mkdir "$base/layers/upper" "$base/layers/work" "$base/layers/root"
root=$base/layers/root
mount -t overlay -o "lowerdir=$base/image,upperdir=$base/layers/upper,workdir=$base/layers/work,userxattr" overlay "$root"
mkdir -p "$root/kopr/work" "$root/kopr/results" "$root/kopr/control"
for volume in work results control; do mount --bind "$base/$volume" "$root/kopr/$volume"; done
mount -o remount,bind,ro "$root/kopr/control"
for program in "$@"; do cp "$program" "$root/usr/bin/"; done
cp -r "$base/files/." "$root/"
while IFS= read -r path; do rm -f "$root$path"; done <"$base/hidden"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs tmp "$root/tmp"
cd "$root"
exec setpriv --inh-caps=-all --bounding-set="$bounding" -- \
  chroot . /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin KUBERNETES_SERVICE_HOST=10.0.0.1 "$shell" /kopr/work/plan/engine.sh
`;
  const args = [pod.path, options.shell ?? '/bin/sh', bounding, ...(options.programs ?? [])];
  for (const name of ['layers', 'image', 'files']) await mkdir(join(pod.path, name), { recursive: true });
  await writeFile(join(pod.path, 'hidden'), (options.hidden ?? []).map((path) => `${path}\n`).join(''));
  await changeImage(pod, options.files ?? {});
  const bind = [chroot.root, join(pod.path, 'image')] as const;
  return inNamespaces(['sh', '-c', script, 'pod', ...args], { ...options, bind });
}

async function changeImage(pod: Pod, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const file = join(pod.path, 'files', path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content, { mode: content.startsWith('#!') ? 0o755 : 0o644 });
  }
}
