import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TOKEN_KEY } from '../../controllers/testing/standins.ts';
import { systemClock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { startProcess } from '../../lib/testing/process.ts';
import { cpuOf } from '../api/load.ts';
import { bundle } from './bundle.ts';
import { operatorImage } from './image.ts';

/** The real operator, bundled as in its image, in a process of its own: what it uses is nobody else's. */
export interface OperatorProcess {
  /** Milliseconds of processor that it has used. */
  cpu(): number;
  /** MB that are resident, and the most that ever were. */
  memory(): { now: number; peak: number };
  /** MB that are resident, and in use, after garbage was collected. */
  collected(): Promise<{ rss: number; heap: number }>;
  /** What it says of itself, in the format of Prometheus. */
  metrics(): Promise<string>;
  /** The result of `work`, or an error when the operator ends before that. */
  during<T>(work: Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

export interface OperatorSetup {
  kubeconfig: string;
  publisherURL: string;
  distgitURL: string;
  releaseNamespace: string;
  buildsNamespace: string;
}

export interface ProgramOptions {
  /** Default: the whole operator. */
  program?: string;
  /** Directory for a profile of its processor time. */
  profile?: string | undefined;
  /** Default: as in its container. */
  heapMB?: number;
}

/** What Node takes for its heap in the operator's container. */
export const HEAP_MB = 512;
const SAMPLE_MS = 30_000;

interface Ready {
  ports: { metrics: number };
}

interface Sample {
  rss: number;
  heapUsed: number;
}

export async function startOperator(
  setup: OperatorSetup,
  { program = 'controllers/main.ts', profile, heapMB = HEAP_MB }: ProgramOptions = {},
): Promise<OperatorProcess> {
  const directory = await mkdtemp(join(tmpdir(), 'kopr-bench-operator-'));
  const file = await bundle(program);
  const image = await operatorImage();
  const key = join(directory, 'token-key');
  await writeFile(key, TOKEN_KEY, { mode: 0o600 });
  const metricsToken = randomBytes(16).toString('hex');
  const tokenFile = join(directory, 'metrics-token');
  await writeFile(tokenFile, metricsToken, { mode: 0o600 });
  const waiting: ((sample: Sample) => void)[] = [];
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const remove = async (): Promise<void> => {
    await rm(directory, { recursive: true, force: true });
    await rm(file, { force: true });
  };
  const { running, ready: port } = await startProcess(
    {
      name: 'operator',
      command: process.execPath,
      args: [`--max-old-space-size=${heapMB}`, ...image.flags, ...profiling, file],
      environment: { ...image.environment, ...environmentOf(setup, key, tokenFile) },
    },
    (onLine) =>
      new Promise<number>((resolve) => {
        onLine((line) => {
          if (line.startsWith('{"sample"')) waiting.shift()?.((JSON.parse(line) as { sample: Sample }).sample);
          else if (line.includes('"operator is ready"')) resolve((JSON.parse(line) as Ready).ports.metrics);
        });
      }),
  ).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  const died = running.ended.then((exit): never => {
    throw new Error(`the operator has ended with ${exit}: ${running.output().slice(-2_000)}`);
  });
  died.catch(() => undefined);
  return {
    cpu: () => cpuOf(running.pid),
    memory: () => memoryOf(running.pid),
    async collected() {
      const answer = new Promise<Sample>((resolve) => waiting.push(resolve));
      process.kill(running.pid, 'SIGUSR2');
      const { rss, heapUsed } = await withDeadline(
        { clock: systemClock, ms: SAMPLE_MS, what: 'a look at the memory of the operator' },
        () => answer,
      );
      return { rss: rss / 1e6, heap: heapUsed / 1e6 };
    },
    async metrics() {
      const headers = { authorization: `Bearer ${metricsToken}` };
      const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { headers });
      if (!answer.ok) throw new Error(`the metrics of the operator: ${answer.status}`);
      return answer.text();
    },
    during: (work) => Promise.race([work, died]),
    async stop() {
      await running.end('SIGTERM');
      await remove();
    },
  };
}

function environmentOf(setup: OperatorSetup, key: string, metricsTokenFile: string): Record<string, string> {
  return {
    KUBECONFIG: setup.kubeconfig,
    KOPR_RELEASE_NAMESPACE: setup.releaseNamespace,
    KOPR_BUILDS_NAMESPACE: setup.buildsNamespace,
    KOPR_POD_NAME: 'operator',
    KOPR_METRICS_PORT: '0',
    KOPR_METRICS: 'on',
    KOPR_METRICS_TOKEN_FILE: metricsTokenFile,
    KOPR_TOKEN_KEY_FILE: key,
    KOPR_PUBLISHER_URL: setup.publisherURL,
    KOPR_DISTGIT_URL: 'http://distgit.example:5001',
    KOPR_DISTGIT_CONTROL_URL: setup.distgitURL,
    KOPR_RESULTS_URL: 'http://results.example/results',
    KOPR_RESULTS_INTERNAL_URL: 'http://results.example/results',
    KOPR_BUILDER_IMAGE: 'localhost/kopr-builder',
  };
}

function memoryOf(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kB = (field: string): number => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
  return { now: (kB('VmRSS') * 1024) / 1e6, peak: (kB('VmHWM') * 1024) / 1e6 };
}
