/** What the tests of the contract have in common: a service with all routes, and builds at any stage of their lives. */

import type { Build } from '../../../crds/build.ts';
import { Builds } from '../../../crds/build.ts';
import type { ChrootBuild } from '../../../crds/chrootbuild.ts';
import { ChrootBuilds } from '../../../crds/chrootbuild.ts';
import type { CoprState } from '../../../crds/common.ts';
import { numberOf } from '../../../crds/names.ts';
import { Projects } from '../../../crds/project.ts';
import { keyOf, ownerReference } from '../../../operator/resource.ts';
import { eventually } from '../../../operator/testing/harness.ts';
import { projectRowOf, recordOf } from '../../archive/row.ts';
import type { ProjectView } from '../../cluster/index.ts';
import { routes } from '../../routes/index.ts';
import { type Bed, type BedOptions, RESULTS_URL, startBed } from '../../testing/bed.ts';
import type { BedClient } from '../../testing/client.ts';

export const C43 = 'fedora-43-x86_64';
export const C42 = 'fedora-42-x86_64';
export const SUBMITTED = 'http://files.test/hello-1-1.src.rpm';
const { signal } = new AbortController();

export interface Ending {
  name?: string;
  version?: string;
  state?: CoprState;
  chroots?: Readonly<Record<string, CoprState>>;
  /** The build goes on. */
  running?: boolean;
}

export interface Scene extends Bed {
  owner: BedClient;
  stranger: BedClient;
  admin: BedClient;
  builder: BedClient;
  /** `ownername=…&projectname=…` */
  query(project: ProjectView): string;
  names(project: ProjectView): { ownername: string; projectname: string };
  project(name: string, spec?: Partial<ProjectView['project']['spec']>, owner?: string): Promise<ProjectView>;
  /** Submitted through the API by the owner. */
  submitted(project: ProjectView, options?: Record<string, unknown>): Promise<number>;
  /** Writes what the operator would. */
  progress(id: number, ending?: Ending): Promise<void>;
  /** Records an ended build and deletes its object, as the archiver and retention do. */
  archive(id: number): Promise<void>;
}

export async function startScene(options: Partial<BedOptions> = {}): Promise<Scene> {
  const bed = await startBed({ routes, ...options });
  const [owner, stranger, builder] = [await bed.user('olga'), await bed.user('sam'), await bed.user('bob')];
  const admin = await bed.user('ada', { isAdmin: true });
  const { cluster, kube, db } = bed;
  const names = (project: ProjectView) => ({ ownername: project.owner, projectname: project.name });

  async function project(
    name: string,
    spec: Partial<ProjectView['project']['spec']> = {},
    of = owner.name,
  ): Promise<ProjectView> {
    const namespace = await cluster.owners.ensure(of, { signal });
    const permissions = [{ user: builder.name, builder: 'approved' as const }];
    const whole = { chroots: [C43, C42], permissions, ...spec } as Omit<ProjectView['project']['spec'], 'name'>;
    return cluster.createProject({ owner: of, namespace, name, spec: whole }, signal);
  }

  async function submitted(of: ProjectView, more: Record<string, unknown> = {}): Promise<number> {
    const body = { ...names(of), pkgs: [SUBMITTED], ...more };
    const answer = await owner.ok('POST', '/build/create/url', body);
    return (answer.items as { id: number }[])[0]?.id ?? 0;
  }

  async function progress(id: number, ending: Ending = {}): Promise<void> {
    const build = cluster.build(id);
    const view = build === undefined ? undefined : cluster.projectOf(build);
    if (build === undefined || view === undefined) throw new Error(`build ${id} is not there`);
    const written = statusOf(build, view, ending);
    for (const stage of written.stages) {
      const made = await kube.create(ChrootBuilds, stage);
      await kube.mergePatch(ChrootBuilds, keyOf(made), { status: stage.status }, { subresource: 'status' });
    }
    await kube.mergePatch(Builds, keyOf(build), { status: written.status }, { subresource: 'status' });
    await eventually(`build ${id} in the caches`, () =>
      Promise.resolve(
        cluster.build(id)?.status?.state === written.status?.state &&
          cluster.chrootBuildsOf(build).filter(({ status }) => status !== undefined).length === written.stages.length,
      ),
    );
  }

  async function archive(id: number): Promise<void> {
    const build = cluster.build(id);
    const view = build === undefined ? undefined : cluster.projectOf(build);
    if (build === undefined || view === undefined) throw new Error(`build ${id} is not there`);
    const stages = cluster.chrootBuildsOf(build);
    const current = await kube.get(Projects, keyOf(view.project));
    const record = current === undefined ? undefined : recordOf(build, stages, current);
    if (record === undefined || current === undefined) throw new Error(`build ${id} cannot be recorded`);
    record.project = { ...projectRowOf(current), owner: view.owner };
    await db.builds.record(record);
    for (const stage of stages) await kube.delete(ChrootBuilds, keyOf(stage));
    await kube.delete(Builds, keyOf(build));
    await eventually(`the end of build ${id}`, () => Promise.resolve(cluster.build(id) === undefined));
  }

  return {
    ...bed,
    owner,
    stranger,
    admin,
    builder,
    names,
    query: (of) => `ownername=${encodeURIComponent(of.owner)}&projectname=${of.name}`,
    project,
    submitted,
    progress,
    archive,
  };
}

type Stage = Pick<ChrootBuild, 'metadata' | 'spec' | 'status'>;

function statusOf(build: Build, view: ProjectView, ending: Ending): { status: Build['status']; stages: Stage[] } {
  const { name = 'hello', version = '1-1', running = false } = ending;
  const chroots = ending.chroots ?? {
    [C43]: running ? 'running' : 'succeeded',
    [C42]: running ? 'pending' : 'succeeded',
  };
  const id = numberOf(build) ?? 0;
  const number = String(id).padStart(8, '0');
  const base = `${RESULTS_URL}/${view.owner}/${view.name}${build.spec.directory === undefined ? '' : `:${build.spec.directory}`}`;
  const condition = (type: string, status: 'True' | 'False' | 'Unknown') => ({
    type,
    status,
    reason: 'Test',
    message: 'Written by a test.',
    lastTransitionTime: '2026-01-02T03:10:00Z',
  });
  const states = Object.values(chroots);
  const state = ending.state ?? (running ? 'running' : states.includes('failed') ? 'failed' : 'succeeded');
  const outcome = running ? 'Unknown' : state === 'succeeded' ? 'True' : 'False';
  const conditions = [condition('Complete', running ? 'False' : 'True'), condition('Succeeded', outcome)];
  const common = {
    build: build.metadata.name,
    buildID: id,
    project: build.spec.project,
    owner: view.owner,
    timeoutSeconds: 18000,
    network: false,
    background: false,
    cancelled: false,
  };
  const meta = (suffix: string) => ({
    name: `${build.metadata.name}-${suffix}`,
    namespace: view.namespace,
    // By it the archiver of the bed finds them; it may come before archive().
    ownerReferences: [ownerReference(build, { controller: true })],
  });
  const times = { startedAt: '2026-01-02T03:04:05Z', finishedAt: '2026-01-02T03:09:05Z' };
  const source: Stage = {
    metadata: meta('source'),
    spec: {
      ...common,
      stage: 'source',
      chroot: 'srpm-builds',
      source: build.spec.source ?? { link: { url: SUBMITTED } },
    },
    status: {
      conditions: [condition('Complete', 'True'), condition('Succeeded', 'True')],
      state: 'succeeded',
      phase: 'Succeeded',
      startedAt: '2026-01-02T03:00:00Z',
      finishedAt: '2026-01-02T03:01:00Z',
      resultsURL: `${base}/srpm-builds/${number}/`,
    },
  };
  const stages = Object.entries(chroots)
    .filter(([, one]) => one !== 'skipped')
    .map(([chroot, one]): Stage => {
      const over = one === 'succeeded' || one === 'failed';
      const nevra = { name, epoch: 0, version: version.split('-')[0] ?? '', release: version.split('-')[1] ?? '' };
      return {
        metadata: meta(chroot.replaceAll('_', '-')),
        spec: { ...common, stage: 'binary', chroot, package: { name, repo: 'o/p/hello', commit: 'a'.repeat(40) } },
        status: {
          conditions: [
            condition('Complete', over ? 'True' : 'False'),
            condition('Succeeded', over ? 'True' : 'Unknown'),
          ],
          state: one,
          ...(one === 'pending'
            ? {}
            : { startedAt: times.startedAt, resultsURL: `${base}/${chroot}/${number}-${name}/` }),
          ...(over ? { finishedAt: times.finishedAt } : {}),
          ...(one === 'succeeded'
            ? {
                packages: [
                  { ...nevra, arch: 'src' },
                  { ...nevra, epoch: 2, arch: 'x86_64' },
                ],
              }
            : {}),
        },
      };
    });
  const status: Build['status'] = {
    conditions,
    id,
    state,
    reason: 'Test',
    package: name,
    version,
    chroots: Object.entries(chroots).map(([chroot, one]) => ({
      name: chroot,
      state: one,
      ...(one === 'pending' || one === 'skipped' ? {} : { resultsURL: `${base}/${chroot}/${number}-${name}/` }),
    })),
    source: { resultsURL: `${base}/srpm-builds/${number}/`, srpm: `${name}-${version}.src.rpm` },
    startedAt: '2026-01-02T03:00:00Z',
    ...(running ? {} : { completedAt: '2026-01-02T03:10:00Z' }),
  };
  return { status, stages: [source, ...stages] };
}
