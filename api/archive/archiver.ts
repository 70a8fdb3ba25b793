/**
 * The archiver: what happened in the cluster becomes history, exactly once.
 *
 *   Build is Complete ──▶ recorded (one transaction, by its number) ──▶ annotated kopr.dev/archived ──▶ may expire
 *   Removal has succeeded ──▶ rows of its builds deleted ──▶ annotated ──▶ may expire
 *   Project, Package, package of a Build ──▶ rows;  Project gone ──▶ its rows deleted
 *
 * Any line may be the last one: whoever leads next sees the same objects without their annotation and begins again,
 * and a row that is there already is not written a second time. Two leaders, were there ever two, do no harm either.
 */
import type { Registry } from 'prom-client';
import type { Build } from '../../crds/build.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import type { Package } from '../../crds/package.ts';
import type { Project } from '../../crds/project.ts';
import type { Removal } from '../../crds/removal.ts';
import type { Clock } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { ApiClient } from '../../operator/client.ts';
import { controllerOf } from '../../operator/resource.ts';
import type { ObjectStore } from '../../operator/store.ts';
import type { Database } from '../db/database.ts';
import { withArchiveLock } from './leader.ts';
import { archiveMetrics } from './metrics.ts';
import { createTerm } from './term.ts';
import { createVanished } from './vanished.ts';
import { Wake } from './wake.ts';

export interface ArchiverOptions {
  /** Complete caches of all namespaces. The archiver adds an index to that of ChrootBuilds. */
  stores: ArchiveStores;
  client: ApiClient;
  db: Database;
  /** Of the same database: the lock needs a connection of its own. */
  databaseURL: string;
  clock: Clock;
  log: Logger;
  registry: Registry;
  /** Between two tries to lead; up to eight times as long while they fail. Default 2 s. */
  retryMs?: number;
}

export interface ArchiveStores {
  projects: ObjectStore<Project>;
  builds: ObjectStore<Build>;
  chrootBuilds: ObjectStore<ChrootBuild>;
  packages: ObjectStore<Package>;
  removals: ObjectStore<Removal>;
}

export interface Archiver {
  /** Begins when the caches are complete. */
  start(): void;
  isLeading(): boolean;
  /** Resolves when nothing of it is under way any more. */
  stop(): Promise<void>;
}

/** Index of ChrootBuilds by the uid of their Build. */
export const STAGES_OF_BUILD = 'archive.build';

const RETRY_MS = 2_000;
const DOUBLINGS = 3;

export function createArchiver(options: ArchiverOptions): Archiver {
  const { stores, clock, log } = options;
  const metrics = archiveMetrics(options.registry);
  const stopping = new AbortController();
  const wake = new Wake();
  let leading = false;
  let running: Promise<void> | undefined;
  stores.chrootBuilds.addIndex(STAGES_OF_BUILD, (stage) => [controllerOf(stage)?.uid ?? '']);
  const vanished = createVanished(stores, { log, onLost: () => metrics.lost(), isLeading: () => leading });
  const subscriptions = [stores.projects, stores.builds, stores.packages, stores.removals].map((store) =>
    (store as ObjectStore<Build>).subscribe(() => wake.now()),
  );

  async function lead(signal: AbortSignal): Promise<void> {
    log.info('this process writes the history of builds');
    leading = true;
    metrics.leading(true);
    try {
      await createTerm({ ...options, metrics, vanished, wake }).run(signal);
    } finally {
      leading = false;
      metrics.leading(false);
    }
  }

  async function run(): Promise<void> {
    const { signal } = stopping;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const led = await withArchiveLock({ url: options.databaseURL, clock, signal }, async (held) => {
          await options.db.whenReady(held);
          failures = 0;
          await lead(held);
        });
        failures = led ? failures + 1 : 0;
      } catch (error) {
        failures += 1;
        if (!signal.aborted) log.warn({ error: errorMessage(error) }, 'the history of builds cannot be written');
      }
      const ms = (options.retryMs ?? RETRY_MS) * 2 ** Math.min(failures, DOUBLINGS);
      await clock.sleep(ms, signal).catch(() => undefined);
    }
  }

  async function whenSynced(): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      stopping.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([Promise.all(Object.values(stores).map((store) => store.whenSynced())), aborted]);
  }

  return {
    start() {
      running ??= whenSynced().then(run);
    },
    isLeading: () => leading,
    async stop() {
      stopping.abort(new Error('the archiver was stopped'));
      for (const end of subscriptions) end();
      vanished.stop();
      await running;
    },
  };
}
