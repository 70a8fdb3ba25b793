/** What the history keeps of a Build that has ended. Pure. */

import type { Build } from '../../crds/build.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import type { CoprState, Source } from '../../crds/common.ts';
import { dirnameOf, numberOf, projectNameOf, SUBMITTER_ANNOTATION } from '../../crds/names.ts';
import type { Project } from '../../crds/project.ts';
import { completedAt, isComplete } from '../../crds/states.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import { SOURCE_CHROOT } from '../../lib/protocol/task.ts';
import type { ProjectRow, RecordedBuild, RecordedChroot } from '../db/database.ts';

export function projectRowOf(project: Project): ProjectRow {
  const { uid = '', name: objectName, namespace = '' } = project.metadata;
  return {
    uid,
    id: numberOf(project) ?? null,
    owner: project.status?.owner ?? namespace,
    name: projectNameOf(project),
    namespace,
    objectName,
  };
}

/** Undefined while the Build has no number or no end. */
export function recordOf(build: Build, stages: readonly ChrootBuild[], project: Project): RecordedBuild | undefined {
  const id = numberOf(build);
  const { status } = build;
  if (id === undefined || status?.state === undefined || !isComplete(build)) return undefined;
  const { metadata, spec } = build;
  const chroots = chrootsOf(build, stages);
  const binaries = chroots.filter(({ name }) => name !== SOURCE_CHROOT);
  const started = binaries.flatMap(({ startedOn }) => startedOn ?? []);
  const ended = binaries.flatMap(({ endedOn }) => endedOn ?? []);
  const { srpm, resultsURL } = status.source ?? {};
  return {
    project: projectRowOf(project),
    build: {
      id,
      objectName: metadata.name,
      uid: metadata.uid ?? '',
      dirname: dirnameOf(projectNameOf(project), build),
      package: status.package ?? null,
      version: status.version ?? null,
      state: status.state,
      reason: status.reason ?? null,
      submittedOn: seconds(metadata.creationTimestamp) ?? 0,
      startedOn: started.length > 0 ? Math.min(...started) : seconds(status.startedAt),
      endedOn: ended.length > 0 ? Math.max(...ended) : seconds(status.completedAt ?? completedAt(build)),
      submitter: metadata.annotations?.[SUBMITTER_ANNOTATION] ?? null,
      isBackground: spec.background,
      chroots: status.chroots?.map(({ name }) => name) ?? spec.chroots ?? [],
      srpmURL: srpm === undefined || resultsURL === undefined ? linkedSRPM(spec.source) : fileURL(resultsURL, srpm),
    },
    spec: { ...spec },
    source: spec.source ?? stages.find((stage) => stage.spec.stage === 'source')?.spec.source ?? null,
    chroots,
  };
}

/** Whether every stage of an ended Build is there and has ended; else the cache lags behind that of Builds. */
export function hasAllStages(build: Build, stages: readonly ChrootBuild[]): boolean {
  const names = new Set(stages.map(({ spec }) => spec.chroot));
  const known = build.status?.chroots?.every(({ name, state }) => state === 'skipped' || names.has(name)) ?? true;
  return known && stages.every((stage) => isComplete(stage));
}

function chrootsOf(build: Build, stages: readonly ChrootBuild[]): RecordedChroot[] {
  const left = new Map(stages.map((stage) => [stage.spec.chroot, stage]));
  const rows: RecordedChroot[] = [];
  for (const chroot of build.status?.chroots ?? []) {
    const stage = left.get(chroot.name);
    left.delete(chroot.name);
    const { state, reason, message, resultsURL } = chroot;
    rows.push({ ...stageRow(chroot.name, stage, state), ...defined({ reason, message, resultsURL }) });
  }
  // Chosen chroots belong to a Build that ended before its chroots were looked at.
  const chosen = build.status?.chroots === undefined ? (build.spec.chroots ?? []) : [];
  for (const name of chosen) {
    if (!left.has(name)) rows.push(stageRow(name, undefined, build.status?.state ?? 'canceled'));
  }
  for (const [name, stage] of left) rows.push(stageRow(name, stage, build.status?.state ?? 'canceled'));
  if (!rows.some(({ name }) => name === SOURCE_CHROOT) && build.status?.source !== undefined) {
    const { resultsURL } = build.status.source;
    rows.push({ ...stageRow(SOURCE_CHROOT, undefined, 'succeeded'), ...defined({ resultsURL }) });
  }
  return rows;
}

/** @param state for a stage that says none: it was ended before it began */
function stageRow(name: string, stage: ChrootBuild | undefined, state: CoprState): RecordedChroot {
  const { status } = stage ?? {};
  return {
    name,
    state: status?.state ?? state,
    reason: status?.reason ?? null,
    message: status?.message ?? null,
    startedOn: seconds(status?.startedAt),
    endedOn: seconds(status?.finishedAt),
    resultsURL: status?.resultsURL ?? null,
    logURL: status?.logURL ?? null,
    packages: status?.packages ?? [],
  };
}

function defined<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

function seconds(timestamp: string | undefined): number | null {
  return timestamp === undefined ? null : Math.floor(fromTimestamp(timestamp) / 1000);
}

/** The SRPM of a Build that never got to one of its own; an upload is gone by the time. */
function linkedSRPM(source: Source | undefined): string | null {
  const url = source?.link?.url;
  return url !== undefined && /\.rpm([?#]|$)/.test(url) ? url : null;
}

function fileURL(directory: string, file: string): string {
  return `${directory.replace(/\/+$/, '')}/${encodeURIComponent(file)}`;
}
