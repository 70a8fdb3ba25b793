/** A site that is in use for years: 5,000 projects on a real API server, 100,000 builds in a real PostgreSQL, and the API. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { generateHistory } from '../../api/db/testing/history.ts';
import { openTestDatabase } from '../../api/db/testing/open.ts';
import { startPostgres, type TestPostgres } from '../../api/db/testing/postgres.ts';
import { Builds } from '../../crds/build.ts';
import { Chroots, chrootObjectName } from '../../crds/chroot.ts';
import { BUILD_COUNTER, ID_LABEL } from '../../crds/names.ts';
import { Projects } from '../../crds/project.ts';
import { installCRDs } from '../../crds/testing/install.ts';
import { systemClock } from '../../lib/clock.ts';
import { type RunningService, startService } from '../../lib/testing/process.ts';
import { loadAccess } from '../../operator/access.ts';
import type { ApiClient } from '../../operator/client.ts';
import { ConfigMaps, Namespaces } from '../../operator/core.ts';
import { type Envtest, startEnvtest } from '../../operator/testing/envtest.ts';
import { eventually, testClient } from '../../operator/testing/harness.ts';
import { createOpened } from '../opened.ts';
import { cpuOf } from './load.ts';

export const PROJECTS = 5_000;
export const BUILDS = 100_000;
/** Builds of the largest project that the cluster still has: half of a page of 100. */
const LIVE = 50;
/** As in the generated history. */
const OWNERS = 100;
const CHROOTS = ['fedora-43-x86_64', 'fedora-42-x86_64', 'fedora-rawhide-x86_64', 'centos-stream-10-x86_64'];
const RELEASE = 'kopr-system';
const MAIN = join(import.meta.dirname, '../../api/main.ts');

export interface Site {
  /** Of the API, without a slash at the end. */
  url: string;
  /** The API's process. */
  pid: number;
  /** Header of an administrator of the site. */
  authorization: string;
  /** What the API has printed. */
  output: () => string;
  stop: () => Promise<void>;
}

export async function startSite(): Promise<Site> {
  const opened = createOpened();
  const stop = (): Promise<void> => opened.stop();
  try {
    const envtest = await startEnvtest();
    opened.push(() => envtest.stop());
    const postgres = await startPostgres();
    opened.push(() => postgres.stop());
    const directory = await mkdtemp(join(tmpdir(), 'kopr-bench-'));
    opened.push(() => rm(directory, { recursive: true, force: true }));
    const key = join(directory, 'upload-key');
    await writeFile(key, randomBytes(32));
    const uids = await fillCluster(envtest);
    const { url: database, authorization } = await fillDatabase(postgres, uids);
    const api = await startAPI({
      KUBECONFIG: envtest.kubeconfig,
      KOPR_DATABASE_URL: database,
      KOPR_UPLOAD_KEY_FILE: key,
    });
    opened.push(() => api.end('SIGKILL'));
    await settled(api.pid);
    const url = `http://127.0.0.1:${api.ports.http}`;
    return { url, pid: api.pid, authorization, output: api.output, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function startAPI(settings: Record<string, string>): Promise<RunningService<{ http: number }>> {
  return startService<{ http: number }>('api', MAIN, {
    ...settings,
    KOPR_RELEASE_NAMESPACE: RELEASE,
    KOPR_BUILDS_NAMESPACE: 'kopr-builds',
    KOPR_FRONTEND_URL: 'http://copr.test',
    KOPR_RESULTS_URL: 'http://results.test/results',
    KOPR_RESULTS_INTERNAL_URL: 'http://127.0.0.1:1/results',
    KOPR_PUBLISHER_URL: 'http://127.0.0.1:1',
    KOPR_HTTP_PORT: '0',
    KOPR_METRICS_PORT: '0',
  });
}

/** A process that has just started compares the history with the cluster: that is not what is measured here. */
async function settled(pid: number): Promise<void> {
  let before = cpuOf(pid);
  await eventually(
    'the end of the work with which the API begins',
    async () => {
      await sleep(500);
      const now = cpuOf(pid);
      const idle = now - before < 30;
      before = now;
      return idle;
    },
    30_000,
  );
}

/** The uids of the projects `p1` to `p5000`. */
async function fillCluster({ kubeconfig }: Envtest): Promise<string[]> {
  const client = testClient(await loadAccess({ clock: systemClock, kubeconfig }));
  try {
    await installCRDs(client);
    await client.create(Namespaces, { metadata: { name: RELEASE } });
    // Above every number of the history, as a counter that has given them.
    const counter = {
      metadata: { name: BUILD_COUNTER, namespace: RELEASE },
      data: { next: String(BUILDS + LIVE + 1) },
    };
    await client.create(ConfigMaps, counter);
    for (const name of CHROOTS) await createChroot(client, name);
    const labels = { 'kopr.dev/owner-namespace': 'true' };
    await inBatches(OWNERS, (owner) => client.create(Namespaces, { metadata: { name: `owner${owner}`, labels } }));
    const uids: string[] = [];
    await inBatches(PROJECTS, async (index) => {
      const made = await createProject(client, index + 1);
      uids[index] = made.metadata.uid ?? '';
    });
    await inBatches(LIVE, (index) => createBuild(client, BUILDS + 1 + index));
    return uids;
  } finally {
    await client.close();
  }
}

function createChroot(client: ApiClient, name: string) {
  const cut = name.lastIndexOf('-');
  return client.create(Chroots, {
    metadata: { name: chrootObjectName(name) },
    spec: {
      name,
      distribution: name.slice(0, cut),
      architecture: name.slice(cut + 1),
      container: { image: 'registry.test/fedora' },
      state: 'Active',
    } as never,
  });
}

function createProject(client: ApiClient, number: number) {
  return client.create(Projects, {
    metadata: { name: `p${number}`, namespace: `owner${number % OWNERS}`, labels: { [ID_LABEL]: String(number) } },
    spec: {
      chroots: CHROOTS.slice(0, 2 + (number % 3)),
      description: `Packages of the project number ${number}, which is ${WORDS[number % WORDS.length]} and builds nightly.`,
      instructions: '`dnf copr enable` it and install what you like.',
      homepage: `http://project${number}.test/`,
    } as never,
  });
}

function createBuild(client: ApiClient, number: number) {
  return client.create(Builds, {
    metadata: { name: `p1-${number}`, namespace: 'owner1', labels: { [ID_LABEL]: String(number) } },
    spec: { project: 'p1', source: { link: { url: `http://sources.test/hello-1.0-${number}.src.rpm` } } } as never,
  });
}

/** Searches find some of them. */
export const WORDS = ['marvellous', 'ordinary', 'experimental', 'abandoned', 'essential', 'curious', 'venerable'];

async function inBatches(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  const clients = Array.from({ length: 20 }, async (_, first) => {
    for (let index = first; index < count; index += 20) await work(index);
  });
  await Promise.all(clients);
}

async function fillDatabase(
  postgres: TestPostgres,
  uids: readonly string[],
): Promise<{ url: string; authorization: string }> {
  const url = await postgres.createDatabase();
  const db = await openTestDatabase(url);
  try {
    await db.users.add('owner1', { isAdmin: true });
    const user = await db.users.byName('owner1');
    const [login, token] = [randomBytes(10).toString('hex'), randomBytes(15).toString('hex')];
    const hash = createHash('sha256').update(token).digest();
    const expiresAt = systemClock.now() + 86_400_000;
    await db.tokens.add({ userID: user?.id ?? 0, login, hash, description: '', expiresAt });
    await generateHistory(url, { builds: BUILDS, projects: PROJECTS });
    await adopt(url, uids);
    return { url, authorization: `Basic ${Buffer.from(`${login}:${token}`).toString('base64')}` };
  } finally {
    await db.close();
  }
}

/** Gives the history to the projects of the cluster. */
async function adopt(url: string, uids: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('SET session_replication_role = replica');
    await client.query(
      'CREATE TEMP TABLE uids AS SELECT $1 || n AS old, uid FROM unnest($2::text[]) WITH ORDINALITY AS u(uid, n)',
      ['uid-p', uids],
    );
    await client.query('UPDATE projects SET uid = uids.uid FROM uids WHERE projects.uid = uids.old');
    for (const table of ['builds', 'packages', 'monitor']) {
      await client.query(`UPDATE ${table} SET project_uid = uids.uid FROM uids WHERE project_uid = uids.old`);
      await client.query(`VACUUM FULL ${table}`);
    }
    await client.query('VACUUM ANALYZE');
  } finally {
    await client.end();
  }
}
