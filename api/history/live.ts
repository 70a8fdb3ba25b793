/** Builds that the cluster has, in the form in which the record has those that ended. Both give the same answer. */

import type { Build } from '../../crds/build.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import type { CoprState, Source } from '../../crds/common.ts';
import { dirnameOf, numberOf, projectNameOf, SUBMITTER_ANNOTATION } from '../../crds/names.ts';
import type { Project } from '../../crds/project.ts';
import { isComplete } from '../../crds/states.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import { SOURCE_CHROOT } from '../../lib/protocol/task.ts';
import type { BuildRow, ChrootRow, MonitorRow } from '../db/types.ts';
import { uploadURL } from './source.ts';

/**
 * A Build with a number is shown as soon as it is in the cache, whether kopr has looked at it or not.
 * @param packageName of the Package that it is a build of, which is known before its sources are
 */
export function liveRow(
  build: Build,
  stages: readonly ChrootBuild[],
  project: Project,
  resultsURL: string,
  packageName?: string,
): BuildRow | undefined {
  const id = numberOf(build);
  if (id === undefined) return undefined;
  const { metadata, spec, status } = build;
  const [startedOn, endedOn] = spanOf(build, stages);
  return {
    id,
    projectUID: project.metadata.uid ?? '',
    objectName: metadata.name,
    uid: metadata.uid ?? '',
    dirname: dirnameOf(projectNameOf(project), build),
    package: status?.package ?? packageName ?? null,
    version: status?.version ?? null,
    state: stateOf(build),
    reason: status?.reason ?? null,
    submittedOn: seconds(metadata.creationTimestamp) ?? 0,
    startedOn,
    endedOn,
    submitter: metadata.annotations?.[SUBMITTER_ANNOTATION] ?? null,
    isBackground: spec.background,
    chroots: status?.chroots?.map(({ name }) => name) ?? spec.chroots ?? [],
    srpmURL: srpmURL(build, resultsURL),
  };
}

/** Cancelled counts at once, as in Copr, though a stage may still be on its way to its end. */
export function stateOf(build: Pick<Build, 'spec' | 'status'>): CoprState {
  const state = build.status?.state;
  if (build.spec.cancelled && !isComplete(build as Build)) return 'canceled';
  // What waits for its project, for other builds or for a batch is pending in Copr's words; its chroots are waiting.
  return state === undefined || state === 'waiting' ? 'pending' : state;
}

/** True once nothing more will happen to it. One that is being cancelled is not finished yet. */
export function isFinished(build: Build): boolean {
  return isComplete(build);
}

/** From the first chroot that began to the last that ended; of a build without chroots, of the whole. */
function spanOf(build: Build, stages: readonly ChrootBuild[]): [number | null, number | null] {
  const { status } = build;
  const binaries = stages.filter(({ spec }) => spec.stage === 'binary');
  const started = binaries.flatMap((stage) => seconds(stage.status?.startedAt) ?? []);
  const startedOn = started.length > 0 ? Math.min(...started) : seconds(status?.startedAt);
  if (!isComplete(build)) return [startedOn, null];
  const ended = binaries.flatMap((stage) => seconds(stage.status?.finishedAt) ?? []);
  return [startedOn, ended.length > 0 ? Math.max(...ended) : seconds(status?.completedAt)];
}

function srpmURL({ spec, status }: Build, resultsURL: string): string | null {
  const { srpm, resultsURL: directory } = status?.source ?? {};
  if (srpm !== undefined && directory !== undefined)
    return `${directory.replace(/\/+$/, '')}/${encodeURIComponent(srpm)}`;
  return givenSRPM(spec.source, resultsURL);
}

/** An SRPM is at hand before anything has been built; a spec file is none. */
function givenSRPM(source: Source | undefined, resultsURL: string): string | null {
  if (source?.link !== undefined && /\.rpm([?#]|$)/.test(source.link.url)) return source.link.url;
  const upload = source?.upload;
  return upload?.name.endsWith('.rpm') === true ? uploadURL(upload, resultsURL) : null;
}

/** The stages as they are shown: the source stage first, then the chroots by name. */
export function liveChroots(build: Build, stages: readonly ChrootBuild[]): ChrootRow[] {
  const id = numberOf(build) ?? 0;
  const rows = new Map<string, ChrootRow>();
  for (const stage of stages) rows.set(stage.spec.chroot, stageRow(id, build, stage));
  for (const { name, state, reason, message, resultsURL } of build.status?.chroots ?? []) {
    const row = rows.get(name) ?? emptyRow(id, name);
    rows.set(name, {
      ...row,
      state: build.spec.cancelled && !isComplete(build) ? canceled(state) : state,
      reason: reason ?? row.reason,
      message: message ?? row.message,
      resultsURL: resultsURL ?? row.resultsURL,
    });
  }
  // Chosen chroots are shown before the package is known, as in Copr.
  if (build.status?.chroots === undefined) {
    for (const name of build.spec.chroots ?? []) {
      if (!rows.has(name))
        rows.set(name, { ...emptyRow(id, name), state: canceled(build.spec.cancelled ? 'pending' : undefined) });
    }
  }
  const order = (row: ChrootRow): string => `${row.name === SOURCE_CHROOT ? 0 : 1}${row.name}`;
  return [...rows.values()].sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

/** A stage that has not ended when its build is cancelled counts as canceled at once. */
function canceled(state: CoprState | undefined): CoprState {
  if (state === undefined) return 'waiting';
  return state === 'succeeded' || state === 'failed' || state === 'skipped' ? state : 'canceled';
}

function emptyRow(build: number, name: string): ChrootRow {
  return {
    build,
    name,
    state: 'waiting',
    reason: null,
    message: null,
    startedOn: null,
    endedOn: null,
    resultsURL: null,
    logURL: null,
  };
}

function stageRow(id: number, build: Build, { spec, status }: ChrootBuild): ChrootRow {
  const state = status?.state ?? 'pending';
  return {
    build: id,
    name: spec.chroot,
    state: build.spec.cancelled && !isComplete(build) ? canceled(state) : state,
    reason: status?.reason ?? null,
    message: status?.message ?? null,
    startedOn: seconds(status?.startedAt),
    endedOn: seconds(status?.finishedAt),
    resultsURL: status?.resultsURL ?? null,
    logURL: status?.logURL ?? null,
  };
}

/** What the monitor shows of a live build: nothing before its package is known. */
export function liveMonitorRows(row: BuildRow, chroots: readonly ChrootRow[]): MonitorRow[] {
  const { package: name, id, version } = row;
  if (name === null) return [];
  return chroots
    .filter((chroot) => chroot.name !== SOURCE_CHROOT)
    .map(({ name: chroot, state, resultsURL }) => ({ package: name, chroot, build: id, state, version, resultsURL }));
}

export function seconds(timestamp: string | undefined): number | null {
  return timestamp === undefined ? null : Math.floor(fromTimestamp(timestamp) / 1000);
}
