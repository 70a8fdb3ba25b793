/**
 * The whole API service in this process, on the real kube-apiserver of the vitest project "api" and a PostgreSQL of its
 * own. No controllers run: a test writes the statuses that it needs.
 */
import { createHash, randomBytes } from 'node:crypto';
import { Registry } from 'prom-client';
import { inject } from 'vitest';
import { Chroots, chrootObjectName } from '../../crds/chroot.ts';
import { installCRDs } from '../../crds/testing/install.ts';
import { systemClock } from '../../lib/clock.ts';
import { loadAccess } from '../../operator/access.ts';
import type { ApiClient } from '../../operator/client.ts';
import { createClient, isAlreadyExists } from '../../operator/client.ts';
import { Namespaces } from '../../operator/core.ts';
import { eventually, quietLog } from '../../operator/testing/harness.ts';
import { realClient } from '../../operator/testing/realApi.ts';
import type { ClusterOptions, ClusterWorld } from '../cluster/index.ts';
import { createClusterWorld } from '../cluster/index.ts';
import type { ApiConfig } from '../config.ts';
import type { Database } from '../db/database.ts';
import { openTestDatabase } from '../db/testing/open.ts';
import type { TestPostgres } from '../db/testing/postgres.ts';
import { startPostgres } from '../db/testing/postgres.ts';
import type { AnyRoute } from '../http/route.ts';
import type { LogStages } from '../logs/reader.ts';
import { projectPlaceName } from '../mapping/project.ts';
import { startService } from '../service.ts';
import { type BedClient, bedClient } from './client.ts';

export const RESULTS_URL = 'http://results.test/results';
export const FRONTEND_URL = 'http://copr.test';
/** Active, each in the container engine; tests may count on them. */
export const CHROOTS = ['fedora-43-x86_64', 'fedora-42-x86_64', 'fedora-rawhide-x86_64', 'centos-stream-10-x86_64'];
/** End of life: nothing new may be built in it. */
export const OLD_CHROOT = 'fedora-39-x86_64';

export interface Bed {
  /** Without a trailing slash, without /api_3. */
  url: string;
  /** An administrator of the cluster, not the API. */
  kube: ApiClient;
  db: Database;
  postgres: TestPostgres;
  cluster: ClusterWorld;
  /** A user that no other test has, with a token: `alice` becomes something like `alice-1f3a`. */
  user(name: string, options?: { isAdmin?: boolean; groups?: readonly string[] }): Promise<BedClient>;
  /** A group that no other test has, without "@". */
  group(name: string): Promise<string>;
  /** Somebody without a token. */
  anonymous: BedClient;
  stop(): Promise<void>;
}

export interface BedOptions {
  routes: readonly AnyRoute[];
  /** Of a publisher that a test has started. */
  publisherURL?: string;
  uploadKey?: Buffer;
  maxUploadBytes?: number;
  resultsURL?: string;
  /** Where logs are looked for; none by default. */
  stages?: LogStages;
  cluster?: Partial<Pick<ClusterOptions, 'terminationMs' | 'ownerTemplate'>>;
}

const RELEASE = 'kopr-system';

export async function startBed(options: BedOptions): Promise<Bed> {
  const kube = await realClient();
  await installCRDs(kube);
  await ensureNamespace(kube, RELEASE);
  for (const name of [...CHROOTS, OLD_CHROOT]) await ensureChroot(kube, name);
  const postgres = await startPostgres();
  const databaseURL = await postgres.createDatabase();
  const registry = new Registry();
  const access = await loadAccess({ clock: systemClock, kubeconfig: inject('kubeconfig') });
  const random = (bytes: number): Buffer => randomBytes(bytes);
  const made: { cluster?: ClusterWorld; db?: Database } = {};
  const service = await startService(configOf(options, databaseURL), {
    client: createClient({ access, clock: systemClock, log: quietLog, registry, userAgent: 'kopr-api-bed' }),
    clock: systemClock,
    log: quietLog,
    registry,
    random,
    routes: options.routes,
    parts: {
      cluster({ client, stores, db: own }) {
        made.db = own;
        made.cluster = createClusterWorld({
          client,
          stores,
          clock: systemClock,
          random,
          releaseNamespace: RELEASE,
          buildsNamespace: 'kopr-builds',
          ownerTemplate: [],
          nameField: projectPlaceName,
          ...options.cluster,
        });
        return made.cluster;
      },
      stages: () => options.stages ?? { find: () => Promise.resolve(undefined) },
    },
    lameDuckMs: 0,
  });
  const db = await openTestDatabase(databaseURL);
  // The service starts without its database; tests that follow need it.
  await made.db?.whenReady(AbortSignal.timeout(20_000));
  const url = `http://127.0.0.1:${service.ports.http}`;
  if (made.cluster === undefined) throw new Error('the service was started without the cluster');

  return {
    url,
    kube,
    db,
    postgres,
    cluster: made.cluster,
    anonymous: bedClient(url, { name: 'nobody' }),
    async user(prefix, { isAdmin = false, groups = [] } = {}) {
      const name = unique(prefix);
      await db.users.add(name, { isAdmin });
      const row = await db.users.byName(name);
      for (const group of groups) await db.groups.addMember(group, name);
      const login = randomBytes(10).toString('hex');
      const token = randomBytes(15).toString('hex');
      const hash = createHash('sha256').update(token).digest();
      const expiresAt = systemClock.now() + 86_400_000;
      await db.tokens.add({ userID: row?.id ?? 0, login, hash, description: '', expiresAt });
      return bedClient(url, { name, login, token });
    },
    async group(prefix) {
      const name = unique(prefix);
      await db.groups.add(name);
      return name;
    },
    async stop() {
      await service.stop(5_000);
      await db.close();
      await postgres.stop();
      await kube.close();
    },
  };
}

/** The API server outlives every test file: whoever makes something gives it a name of its own. */
function unique(prefix: string): string {
  return `${prefix}-${randomBytes(4).toString('hex')}`;
}

async function ensureNamespace(kube: ApiClient, name: string): Promise<void> {
  try {
    await kube.create(Namespaces, { metadata: { name } });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

async function ensureChroot(kube: ApiClient, name: string): Promise<void> {
  const cut = name.lastIndexOf('-');
  const spec = {
    name,
    distribution: name.slice(0, cut),
    architecture: name.slice(cut + 1),
    container: { image: 'registry.test/fedora' },
    comment: name === 'fedora-rawhide-x86_64' ? 'The **development** version.' : '',
    state: name === OLD_CHROOT ? ('EndOfLife' as const) : ('Active' as const),
  };
  await eventually(
    `the kind of Chroot ${name}`,
    async () => {
      await kube.apply(Chroots, { metadata: { name: chrootObjectName(name) }, spec }, { manager: 'kopr-test' });
      return true;
    },
    10_000,
  );
}

function configOf(options: BedOptions, databaseURL: string): ApiConfig {
  const account = {
    logLevel: 'fatal',
    releaseNamespace: RELEASE,
    buildsNamespace: 'kopr-builds',
    frontendURL: FRONTEND_URL,
    databaseURL,
    ownerTemplateFile: undefined,
    tokenDays: 180,
    apiServer: {},
  };
  return {
    ...account,
    httpPort: 0,
    metricsPort: 0,
    metricsTokenFile: undefined,
    uploadKey: options.uploadKey ?? Buffer.alloc(32, 'k'),
    redisURL: undefined,
    databaseConnections: 4,
    site: {
      frontendURL: FRONTEND_URL,
      resultsURL: RESULTS_URL,
      resultsInternalURL: options.resultsURL ?? 'http://127.0.0.1:1/results',
      publisherURL: options.publisherURL ?? 'http://127.0.0.1:1',
      releaseNamespace: RELEASE,
      buildsNamespace: 'kopr-builds',
      maxUploadBytes: options.maxUploadBytes ?? 1_048_576,
      tokenDays: 180,
    },
  };
}
