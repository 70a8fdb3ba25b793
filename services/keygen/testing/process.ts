import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pino } from 'pino';
import { systemClock } from '../../../lib/clock.ts';
import { metricsEnvironment } from '../../../lib/http/testing/metrics.ts';
import { SigndClient } from '../../../lib/signd/client.ts';
import type { CredentialFiles } from '../../../lib/signd/credentials.ts';
import { secureContextSource } from '../../../lib/signd/credentials.ts';
import { KeygenClient } from '../../../lib/signd/keygen-client.ts';
import type { TestPki } from '../../../lib/signd/testing/pki.ts';
import { createTestPki } from '../../../lib/signd/testing/pki.ts';

/** The real process with a data directory, certificates and a master key of its own. */

export interface Setup {
  directory: string;
  pki: TestPki;
  environment: Record<string, string>;
}

export interface RunningKeygen {
  ports: { signd: number; http: number; metrics: number; plain?: number };
  pid: number;
  /** Ends the process and resolves with its exit code, or its signal. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

const startMs = 15_000;

export function prepare(directory: string, overrides: Record<string, string> = {}): Setup {
  const pki = createTestPki(join(directory, 'pki'));
  const server = pki.issue('kopr-keygen');
  const masterKey = join(directory, 'master.key');
  if (!existsSync(masterKey)) writeFileSync(masterKey, randomBytes(32), { mode: 0o600 });
  mkdirSync(join(directory, 'data'), { recursive: true });
  const environment = {
    KOPR_DATA_DIR: join(directory, 'data'),
    KOPR_MASTER_KEY_FILE: masterKey,
    KOPR_TLS_CERT: server.cert,
    KOPR_TLS_KEY: server.key,
    KOPR_TLS_CA: server.ca,
    KOPR_SIGND_PORT: '0',
    KOPR_HTTP_PORT: '0',
    KOPR_METRICS_PORT: '0',
    ...metricsEnvironment(directory),
    KOPR_KEY_BITS: '2048',
    ...overrides,
  };
  return { directory, pki, environment };
}

/** Starts the process; rejects with what it printed when it ends instead of getting ready. */
export function start(setup: Setup, overrides: Record<string, string> = {}): Promise<RunningKeygen> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'main.ts')], {
    env: { ...setup.environment, ...overrides },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code));
  });
  const end = (signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null> => {
    child.kill(signal);
    return ended;
  };
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`keygen was not ready within ${startMs} ms: ${errors}`));
    }, startMs);
    createInterface(child.stdout).on('line', (line) => {
      const record: { msg?: string; ports?: RunningKeygen['ports'] } = JSON.parse(line);
      if (record.msg !== 'keygen is ready' || record.ports === undefined) return;
      clearTimeout(timer);
      resolve({ ports: record.ports, pid: child.pid ?? 0, end });
    });
    void ended.then((code) => {
      clearTimeout(timer);
      reject(new Error(`keygen ended with ${code}: ${errors}`));
    });
  });
}

const log = pino({ level: 'silent' });

export function signdClient(
  port: number,
  files: CredentialFiles | undefined,
  backoffMs: readonly number[] = [],
): SigndClient {
  const endpoint = { host: '127.0.0.1', port, ...(files && { secureContext: secureContextSource(files) }) };
  return new SigndClient({ endpoint, clock: systemClock, log, backoffMs });
}

export function keygenClient(port: number, files: CredentialFiles, backoffMs: readonly number[] = []): KeygenClient {
  const endpoint = { host: '127.0.0.1', port, secureContext: secureContextSource(files) };
  return new KeygenClient({ endpoint, clock: systemClock, log, backoffMs });
}
