import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { metricsEnvironment } from '../../../lib/http/testing/metrics.ts';
import { listen } from '../../../lib/listen.ts';
import { type RunningProcess, type RunningService, startProcess, startService } from '../../../lib/testing/process.ts';
import { prepare as prepareKeygen, start as startKeygen } from '../../keygen/testing/process.ts';

/** The real processes a test talks to: keygen, publisher, nginx. All listen on 127.0.0.1 or all addresses of free ports. */

const services = join(import.meta.dirname, '..', '..');

export type Publisher = RunningService<{ http: number; metrics: number }>;

export interface World {
  directory: string;
  data: string;
  tokenKey: Buffer;
  keygen: RunningProcess;
  publisherEnvironment: Record<string, string>;
}

/** Certificates, token key and a running keygen in `directory`. */
export async function createWorld(directory: string): Promise<World> {
  const keygenDirectory = join(directory, 'keygen');
  await mkdir(keygenDirectory);
  const setup = prepareKeygen(keygenDirectory);
  const client = setup.pki.issue('kopr-publisher');
  const tokenKeyFile = join(directory, 'token.key');
  const tokenKey = randomBytes(32);
  await writeFile(tokenKeyFile, tokenKey, { mode: 0o600 });
  const data = join(directory, 'data');
  await mkdir(data);
  const keygen = await startKeygen(setup);
  const publisherEnvironment = {
    KOPR_DATA_DIR: data,
    KOPR_HTTP_PORT: '0',
    KOPR_METRICS_PORT: '0',
    ...metricsEnvironment(directory),
    KOPR_TOKEN_KEY_FILE: tokenKeyFile,
    KOPR_RESULTS_URL: 'http://127.0.0.1:5002/results',
    KOPR_SIGN_DOMAIN: 'example.org',
    KOPR_KEYGEN_HOST: '127.0.0.1',
    KOPR_KEYGEN_SIGND_PORT: String(keygen.ports.signd),
    KOPR_KEYGEN_HTTP_PORT: String(keygen.ports.http),
    KOPR_TLS_CERT: client.cert,
    KOPR_TLS_KEY: client.key,
    KOPR_TLS_CA: client.ca,
    KOPR_MIN_FREE_BYTES: '0',
  };
  return { directory, data, tokenKey, keygen, publisherEnvironment };
}

export function startPublisher(world: World, overrides: Record<string, string> = {}): Promise<Publisher> {
  return startService('publisher', join(services, 'publisher', 'main.ts'), {
    ...world.publisherEnvironment,
    ...overrides,
  });
}

/** nginx with the configuration that is shipped; only ports and paths differ. */
export async function startNginx(directory: string, data: string): Promise<RunningProcess & { port: number }> {
  const port = await freePort();
  const scratch = join(directory, 'nginx');
  await mkdir(scratch);
  const shipped = await readFile(join(services, 'publisher', 'nginx.conf'), 'utf8');
  const text = shipped
    .replace('listen 5002 default_server', `listen 127.0.0.1:${port} default_server`)
    .replace(/^.*listen \[::\]:5002.*$/m, '')
    .replaceAll(' /tmp/', ` ${scratch}/`)
    .replaceAll(' /data', ` ${data}`)
    // The output of a child of node is a socket, which cannot be opened by name.
    .replace('/dev/stdout', join(scratch, 'access.log'));
  const path = join(scratch, 'nginx.conf');
  await writeFile(path, process.getuid?.() === 0 ? `user root;\n${text}` : text);
  const nginx = { name: 'nginx', command: 'nginx', args: ['-c', path, '-e', 'stderr'], environment: {} };
  const { running } = await startProcess(nginx, () => answers(`http://127.0.0.1:${port}/healthz`));
  return { ...running, port };
}

async function answers(url: string): Promise<void> {
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok === true) return;
    await sleep(50);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, { port: 0, host: '127.0.0.1' });
  await new Promise((closed) => server.close(closed));
  return port;
}
