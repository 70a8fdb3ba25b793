import { mkdir } from 'node:fs/promises';
import type { Registry } from 'prom-client';
import type { Clock } from '../../lib/clock.ts';
import { toTimestamp } from '../../lib/clock.ts';
import { startHealthServer } from '../../lib/http/health-server.ts';
import type { Logger } from '../../lib/log.ts';
import { metricsTokenFile } from '../../lib/settings.ts';
import { AuditLog, auditPath } from './audit.ts';
import type { Config } from './config.ts';
import { listenHttp } from './http.ts';
import { KeyStore } from './key-store.ts';
import { readMasterKey, verifyMasterKey } from './master-key.ts';
import { createMetrics, registerGauges } from './metrics.ts';
import { parseNetworks } from './peers.ts';
import { SignPool } from './sign-pool.ts';
import type { Listening } from './signd-server.ts';
import { listenPlain, listenTls } from './signd-server.ts';
import { Signer } from './signer.ts';
import { ServerTls } from './tls.ts';

export interface Dependencies {
  clock: Clock;
  log: Logger;
  registry: Registry;
}

export interface Keygen {
  /** Ports in use; `plain` is undefined when that port is off. */
  ports: { signd: number; http: number; metrics: number; plain: number | undefined };
  /** Ends orderly: no new connections, requests under way finish within `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/** Starts all servers of keygen. Throws TerminalError when the master key, a file or a setting is wrong. */
export async function startKeygen(config: Config, { clock, log, registry }: Dependencies): Promise<Keygen> {
  const networks = parseNetworks(config.KOPR_PLAIN_PEERS);
  const tls = new ServerTls({ cert: config.KOPR_TLS_CERT, key: config.KOPR_TLS_KEY, ca: config.KOPR_TLS_CA }, log);
  const dataDirectory = config.KOPR_DATA_DIR;
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const masterKey = await readMasterKey(config.KOPR_MASTER_KEY_FILE);
  await verifyMasterKey(dataDirectory, masterKey);

  const metrics = createMetrics(registry);
  const audit = await AuditLog.open({
    path: auditPath(dataDirectory),
    maxBytes: config.KOPR_AUDIT_MAX_BYTES,
    keep: config.KOPR_AUDIT_FILES,
  });
  const store = await KeyStore.open({
    dataDirectory,
    masterKey,
    clock,
    onCreate: (key, peer) =>
      audit.append([
        {
          event: 'create-key',
          time: toTimestamp(clock.now()),
          peer,
          identity: key.identity,
          fingerprint: key.fingerprint.toString('hex'),
        },
      ]),
  });
  const pool = new SignPool({ size: config.KOPR_SIGN_WORKERS });
  const signer = new Signer({ store, pool, audit, clock, log, metrics });

  let state: string | undefined = 'keygen is starting';
  const health = await startHealthServer({
    port: config.KOPR_METRICS_PORT,
    registry,
    ready: () => state,
    metricsTokenFile: metricsTokenFile(config),
  });
  const allowed = config.KOPR_ALLOWED_SUBJECTS;
  const maxConnections = config.KOPR_MAX_CONNECTIONS;
  const answer = (request: Buffer, peer: string): Promise<Buffer> => signer.answer(request, peer);
  const signdOptions = { answer, maxConnections, log, metrics };
  const signd = await listenTls(config.KOPR_SIGND_PORT, tls, allowed, signdOptions);
  const http = await listenHttp(config.KOPR_HTTP_PORT, tls, {
    store,
    allowed,
    keyBits: config.KOPR_KEY_BITS,
    maxConnections,
    clock,
    log,
    metrics,
  });
  const plain = await startPlain(config, (port) => listenPlain(port, networks, signdOptions));
  registerGauges(registry, {
    keys: () => store.count,
    connections: () => signd.connections() + (plain?.connections() ?? 0),
    waitingSignatures: () => pool.waiting,
  });
  state = undefined;

  return {
    ports: { signd: signd.port, http: http.port, metrics: health.port, plain: plain?.port },
    async stop(graceMs) {
      state = 'keygen is stopping';
      const servers = plain === undefined ? [signd, http] : [signd, http, plain];
      await Promise.all(servers.map((server) => server.close(graceMs)));
      tls.close();
      await pool.close();
      await audit.close();
      await health.close();
    },
  };
}

async function startPlain(
  config: Config,
  listen: (port: number) => Promise<Listening>,
): Promise<Listening | undefined> {
  return config.KOPR_PLAIN_PORT === 0 ? undefined : listen(config.KOPR_PLAIN_PORT);
}
