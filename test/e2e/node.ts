import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { lastLine, ROOT, run } from '../../deploy/run.ts';
import { cluster, kubectl } from './harness.ts';

const SCRIPT = join(ROOT, 'cluster', 'cluster.sh');

/** The embedded cluster's node is this machine: its processes can be killed, and its components restarted. */
export async function isEmbedded(): Promise<boolean> {
  return lastLine(await run(SCRIPT, ['which'])) === 'embedded';
}

/**
 * kill -9 for the program of a pod, which the kubelet starts again in its place: everything is found out beforehand, so
 * that the function it returns kills without delay. On a cluster whose nodes are elsewhere the pod is deleted without
 * grace, which is as sudden for the program.
 */
export async function aimAtProgram(namespace: string, pod: string): Promise<() => Promise<void>> {
  if (!(await isEmbedded())) {
    return async () => {
      await kubectl('-n', namespace, 'delete', 'pod', pod, '--grace-period=0', '--force', '--wait=false');
    };
  }
  const uid = await kubectl('-n', namespace, 'get', 'pod', pod, '-o', 'jsonpath={.metadata.uid}');
  const pids = await programsOf(uid);
  if (pids.length === 0) throw new Error(`pod ${namespace}/${pod} has no process on this machine`);
  return async () => {
    for (const pid of pids) process.kill(pid, 'SIGKILL');
  };
}

/** Processes of a pod but the one that only holds its namespaces. The uid is in the name of their control group. */
async function programsOf(uid: string): Promise<number[]> {
  const pids: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const [group, name] = await Promise.all(
      ['cgroup', 'comm'].map((file) => readFile(`/proc/${entry}/${file}`, 'utf8').catch(() => '')),
    );
    if (uid !== '' && group?.includes(`/pod${uid}/`) && name?.trim() !== 'pause') pids.push(Number(entry));
  }
  return pids;
}

/** Kills the API server and waits until the next one answers. */
export async function killApiServer(): Promise<void> {
  try {
    await run(SCRIPT, ['restart', '--kill', 'kube-apiserver']);
  } catch (error) {
    // This test has failed, but the ones after it need a cluster.
    await run(SCRIPT, ['up']);
    throw error;
  }
}

/** Calls `see` with each phase of each stage of a Build as it is written, until `signal`. */
export async function watchPhases(
  namespace: string,
  build: string,
  signal: AbortSignal,
  see: (stage: string, phase: string) => void,
): Promise<void> {
  const tools = lastLine(await run(SCRIPT, ['bin']));
  const path = '{.spec.stage} {.status.phase}{"\\n"}';
  const args = [
    '-n',
    namespace,
    'get',
    'chrootbuilds',
    '-l',
    `kopr.dev/build=${build}`,
    '--watch',
    '-o',
    `jsonpath=${path}`,
  ];
  const env = { ...process.env, KUBECONFIG: (await cluster()).kubeconfig };
  const child = spawn(join(tools, 'kubectl'), args, { env, stdio: ['ignore', 'pipe', 'inherit'], signal });
  child.on('error', () => undefined);
  for await (const line of createInterface({ input: child.stdout })) {
    const [stage, phase] = line.split(' ');
    if (stage && phase) see(stage, phase);
  }
}
