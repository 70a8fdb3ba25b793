import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Clock, systemClock } from '../../../../lib/clock.ts';
import { buildPackages } from '../../../../lib/rpm/testing/build.ts';
import { createMetrics } from '../../metrics.ts';
import { type ChrootName, type Paths, pathsOf } from '../../paths.ts';
import { ProjectGate, type Visit } from '../../project/gate.ts';
import { RemovedBuilds } from '../../removal/removed-builds.ts';
import type { RepositoryChange } from '../change.ts';
import { RepositoryEngine, type RepositoryState } from '../engine.ts';
import { type MetadataFile, parseRepomd } from '../repomd.ts';

export const chrootOfTest: ChrootName = { owner: 'demo', project: 'hello', chroot: 'pebble-13-x86_64' };
export const nothing: RepositoryChange = { add: [], remove: [] };

/** What `publish` of a bed takes from: built once for all tests of a file, since rpmbuild is slow. */
export interface EnginePackages {
  /** Of four packages or more. */
  paths: readonly string[];
  remove(): Promise<void>;
}

export async function buildEnginePackages(): Promise<EnginePackages> {
  const directory = await mkdtemp(join(tmpdir(), 'kopr-engine-rpms-'));
  const paths = await buildPackages(directory, { name: 'hello', subpackages: ['a', 'b', 'c'] });
  return { paths, remove: () => rm(directory, { recursive: true, force: true }) };
}

/** One chroot directory, and engines over it that run the real createrepo_c. Only keygen is not real. */
export class EngineBed {
  readonly directory: string;
  readonly paths: Paths;
  readonly gate: ProjectGate;
  readonly removed: RemovedBuilds;
  readonly chroot: string;
  /** What the engine takes for the time, in milliseconds. */
  wall = Date.now();
  /** Called for every signature. */
  beforeSigning: () => Promise<void> = async () => undefined;
  readonly #packages: EnginePackages;

  private constructor(directory: string, packages: EnginePackages) {
    this.directory = directory;
    this.paths = pathsOf(directory);
    this.gate = new ProjectGate(this.paths);
    this.removed = new RemovedBuilds(this.paths);
    this.chroot = this.paths.chroot(chrootOfTest);
    this.#packages = packages;
  }

  static async create(packages: EnginePackages): Promise<EngineBed> {
    const bed = new EngineBed(await mkdtemp(join(tmpdir(), 'kopr-engine-')), packages);
    await mkdir(bed.chroot, { recursive: true });
    await mkdir(bed.paths.work);
    return bed;
  }

  remove(): Promise<void> {
    return rm(this.directory, { recursive: true, force: true });
  }

  engine(createrepo = 'createrepo_c'): TestEngine {
    const clock: Clock = { ...systemClock, now: () => this.wall };
    const engine = new RepositoryEngine({
      paths: this.paths,
      gate: this.gate,
      removed: this.removed,
      clock,
      log: pino({ level: 'silent' }),
      metrics: createMetrics(new Registry()),
      signer: {
        sign: async (_project, data) => {
          await this.beforeSigning();
          return `signature of ${sha256(data)}`;
        },
        certificate: async () => 'certificate',
      },
      concurrency: 2,
      workers: 1,
      createrepo,
    });
    return {
      update: (change, name = chrootOfTest, visit = this.gate.visit(name)) => engine.update(name, change, visit),
      updateDevel: (change) => engine.update(chrootOfTest, change, this.gate.visit(chrootOfTest), 'devel'),
    };
  }

  /** Puts package `n` into the build directory of that number; returns its path in the repository. */
  async publish(n: number, done = true): Promise<string> {
    const source = this.#packages.paths[n] ?? '';
    const build = `0000000${n}-hello`;
    await mkdir(join(this.chroot, build), { recursive: true });
    await copyFile(source, join(this.chroot, build, basename(source)));
    if (done) await writeFile(join(this.chroot, build, 'success'), 'done\n');
    return `${build}/${basename(source)}`;
  }

  repodata(file: string): Promise<string> {
    return readFile(join(this.chroot, 'repodata', file), 'utf8');
  }

  async metadataFiles(): Promise<MetadataFile[]> {
    return parseRepomd(await this.repodata('repomd.xml'));
  }

  async primary(): Promise<MetadataFile> {
    const primary = (await this.metadataFiles()).find((file) => file.type === 'primary');
    if (primary === undefined) throw new Error('repomd.xml has no primary metadata');
    return primary;
  }
}

export interface TestEngine {
  update(change: RepositoryChange, name?: ChrootName, visit?: Visit): Promise<RepositoryState>;
  updateDevel(change: RepositoryChange): Promise<RepositoryState>;
}

export function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
