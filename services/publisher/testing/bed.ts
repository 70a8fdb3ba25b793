import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { systemClock } from '../../../lib/clock.ts';
import type { ProjectRepositories, PublicationRequest, RepositoryRequest } from '../../../lib/protocol/publisher.ts';
import { prepareDataDirectory } from '../housekeeping.ts';
import { LiveLogs } from '../ingest/live-log.ts';
import { type AdmittedTask, TaskStore } from '../ingest/task-store.ts';
import { Uploads } from '../ingest/uploads.ts';
import { createMetrics } from '../metrics.ts';
import { type Paths, pathsOf } from '../paths.ts';
import { ProjectGate } from '../project/gate.ts';
import { Projects } from '../project/projects.ts';
import { Publisher } from '../publication/publisher.ts';
import { RecordStore } from '../records.ts';
import { Removals } from '../removal/removals.ts';
import { RemovedBuilds } from '../removal/removed-builds.ts';
import { RepositoryEngine } from '../repository/engine.ts';
import { manifestOf, succeeded } from './client.ts';

export const PROJECT = { owner: 'demo', project: 'hello' };
export const CHROOT = 'pebble-13-x86_64';
const CERTIFICATE = { armored: 'certificate', fingerprint: 'F'.repeat(40) };

export type Pause = 'key of the project' | 'signing packages' | 'certificate' | 'createrepo_c' | 'signing metadata';

/** A place where work stands still until it is let go. */
interface Stop {
  reached: Promise<void>;
  go(): void;
}

/** The parts of the publisher in this process over a directory of their own, with the real createrepo_c. Only keygen is not real. */
export class Bed {
  readonly directory: string;
  readonly paths: Paths;
  readonly tasks: TaskStore;
  readonly records: RecordStore;
  readonly removals: Removals;
  readonly logs: LiveLogs;
  readonly uploads: Uploads;
  readonly projects: Projects;
  readonly publisher: Publisher;
  readonly #stops = new Map<Pause, { reached: () => void; go: Promise<void> }>();

  private constructor(directory: string, publishConcurrency: number) {
    const clock = systemClock;
    const log = pino({ level: 'silent' });
    this.directory = directory;
    const paths = pathsOf(join(directory, 'data'));
    this.paths = paths;
    const metrics = createMetrics(new Registry());
    const gate = new ProjectGate(paths);
    const records = new RecordStore(paths);
    const removed = new RemovedBuilds(paths);
    const tasks = new TaskStore({ paths, gate, records, removed, log });
    const certificate = async () => {
      await this.#pass('certificate');
      return CERTIFICATE;
    };
    const engine = new RepositoryEngine({
      paths,
      gate,
      removed,
      clock,
      log,
      metrics,
      signer: {
        sign: async () => {
          await this.#pass('signing metadata');
          return 'signature';
        },
        certificate: async () => CERTIFICATE.armored,
      },
      concurrency: 2,
      workers: 1,
      createrepo: join(directory, 'createrepo'),
    });
    const signer = {
      certificate,
      signAll: async (_name: unknown, items: readonly unknown[]) => {
        await this.#pass('signing packages');
        return items.map(() => Buffer.from('signature'));
      },
    };
    this.tasks = tasks;
    this.records = records;
    this.removals = new Removals({ paths, gate, tasks, removed, engine, log });
    this.logs = new LiveLogs({ paths, gate, tasks, metrics, maxBytes: 1000 });
    const limits = { maxFileBytes: 1000, maxTaskBytes: 10_000, minFreeBytes: 0 };
    this.uploads = new Uploads({ paths, tasks, metrics, ...limits });
    this.publisher = new Publisher({
      paths,
      gate,
      tasks,
      records,
      signer,
      engine,
      clock,
      log,
      metrics,
      concurrency: publishConcurrency,
    });
    const resultsURL = 'http://127.0.0.1/results';
    this.projects = new Projects({
      paths,
      gate,
      clock,
      log,
      engine,
      tasks,
      resultsURL,
      // Not `signer`: a project is made again while a publication stands still.
      signer: {
        certificate: async () => {
          await this.#pass('key of the project');
          return CERTIFICATE;
        },
      },
      frontendURL: 'http://127.0.0.1',
    });
  }

  static async create(publishConcurrency = 4): Promise<Bed> {
    const bed = new Bed(await mkdtemp(join(tmpdir(), 'kopr-bed-')), publishConcurrency);
    await prepareDataDirectory(bed.paths);
    // It stands still as long as `held` is there.
    const script = `#!/bin/sh
if [ -e ${bed.directory}/held ]; then touch ${bed.directory}/reached; fi
while [ -e ${bed.directory}/held ]; do sleep 0.02; done
exec createrepo_c "$@"
`;
    await writeFile(join(bed.directory, 'createrepo'), script, { mode: 0o755 });
    return bed;
  }

  async remove(): Promise<void> {
    await this.publisher.idle();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Makes the next work that comes to this place stand still there. */
  async hold(pause: Pause): Promise<Stop> {
    if (pause === 'createrepo_c') return this.#holdCreaterepo();
    const reached = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    this.#stops.set(pause, { reached: reached.resolve, go: go.promise });
    return { reached: reached.promise, go: go.resolve };
  }

  async #holdCreaterepo(): Promise<Stop> {
    const held = join(this.directory, 'held');
    await writeFile(held, '');
    const { promise: let_go, resolve: go } = Promise.withResolvers<void>();
    void let_go.then(() => rm(held));
    const reached = async (): Promise<void> => {
      const until = systemClock.monotonic() + 10_000;
      while ((await readFile(join(this.directory, 'reached')).catch(() => undefined)) === undefined) {
        if (systemClock.monotonic() > until) throw new Error('createrepo_c was not run within 10 s');
        await systemClock.sleep(10);
      }
    };
    return { reached: reached(), go };
  }

  async #pass(pause: Pause): Promise<void> {
    const stop = this.#stops.get(pause);
    if (stop === undefined) return;
    this.#stops.delete(pause);
    stop.reached();
    await stop.go;
  }

  setUp(project = PROJECT.project, more: Partial<RepositoryRequest> = {}): Promise<ProjectRepositories> {
    return this.projects.ensure(
      { ...PROJECT, project },
      { chroots: [{ name: CHROOT, architecture: 'x86_64' }], repoFile: { moduleHotfixes: false }, ...more },
    );
  }

  async admit(directory: string, task = `${randomUUID()}.1`, project = PROJECT.project): Promise<AdmittedTask> {
    return this.tasks.admit(task, { task, dir: `demo/${project}/${CHROOT}/${directory}` });
  }

  /** Everything up to the manifest, as a pod sends it. */
  async upload(admitted: AdmittedTask, files: readonly { name: string; content: Buffer }[]): Promise<void> {
    await this.logs.append(admitted, 'builder-live.log', 0, Buffer.from('building\n'));
    for (const { content } of files) {
      const path = this.tasks.blobPath(admitted.task, createHash('sha256').update(content).digest('hex'));
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    }
    await this.tasks.complete(admitted, manifestOf(files, succeeded));
  }

  async uploadPackages(admitted: AdmittedTask, packages: readonly string[]): Promise<void> {
    const files: { name: string; content: Buffer }[] = [];
    for (const path of packages) files.push({ name: basename(path), content: await readFile(path) });
    await this.upload(admitted, files);
  }

  publish({ task, directory }: AdmittedTask): ReturnType<Publisher['publish']>['result'] {
    const request: PublicationRequest = {
      ...directory,
      stage: 'binary',
      build: Number.parseInt(directory.directory, 10),
      architecture: 'x86_64',
    };
    return this.publisher.publish(task, request).result;
  }
}
