import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { metricsEnvironment } from '../../../lib/http/testing/metrics.ts';
import { createTestPki, type TestPki } from '../../../lib/signd/testing/pki.ts';
import { type RunningProcess, type RunningService, startProcess, startService } from '../../../lib/testing/process.ts';

/** The real processes a test talks to: keygen, publisher, nginx. All listen on 127.0.0.1 or all addresses of free ports. */

const services = join(import.meta.dirname, '..', '..');

export type Publisher = RunningService<{ http: number; metrics: number }>;

export interface World {
  directory: string;
  data: string;
  pki: TestPki;
  tokenKey: Buffer;
  keygen: RunningProcess;
  publisherEnvironment: Record<string, string>;
}

/** Certificates, token key and a running keygen in `directory`. */
export async function createWorld(directory: string): Promise<World> {
  const pki = createTestPki(join(directory, 'pki'));
  const server = pki.issue('kopr-keygen');
  const client = pki.issue('kopr-publisher');
  const masterKey = join(directory, 'master.key');
  const tokenKeyFile = join(directory, 'token.key');
  const tokenKey = randomBytes(32);
  await writeFile(masterKey, randomBytes(32), { mode: 0o600 });
  await writeFile(tokenKeyFile, tokenKey, { mode: 0o600 });
  const data = join(directory, 'data');
  await mkdir(data);
  await mkdir(join(directory, 'keys'));
  const metrics = metricsEnvironment(directory);
  const keygen = await startService<{ signd: number; http: number }>('keygen', mainOf('keygen'), {
    KOPR_DATA_DIR: join(directory, 'keys'),
    KOPR_MASTER_KEY_FILE: masterKey,
    KOPR_TLS_CERT: server.cert,
    KOPR_TLS_KEY: server.key,
    KOPR_TLS_CA: server.ca,
    KOPR_SIGND_PORT: '0',
    KOPR_HTTP_PORT: '0',
    KOPR_METRICS_PORT: '0',
    KOPR_KEY_BITS: '2048',
  });
  const publisherEnvironment = {
    KOPR_DATA_DIR: data,
    KOPR_HTTP_PORT: '0',
    KOPR_METRICS_PORT: '0',
    ...metrics,
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
  return { directory, data, pki, tokenKey, keygen, publisherEnvironment };
}

export function startPublisher(world: World, overrides: Record<string, string> = {}): Promise<Publisher> {
  return startService('publisher', mainOf('publisher'), { ...world.publisherEnvironment, ...overrides });
}

function mainOf(service: string): string {
  return join(services, service, 'main.ts');
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

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
