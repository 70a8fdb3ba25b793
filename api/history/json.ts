/** The objects that clients of Copr read, made of rows. Nothing here asks anybody. */
import type { CoprState } from '../../crds/common.ts';
import type { Nevra } from '../../lib/rpm/nevra.ts';
import type { BuildRow, ChrootRow, MonitorRow } from '../db/types.ts';

export interface BuildJSON {
  id: number;
  state: CoprState;
  ownername: string;
  projectname: string;
  project_dirname: string;
  repo_url: string;
  submitted_on: number;
  started_on: number | null;
  ended_on: number | null;
  submitter: string | null;
  is_background: boolean;
  chroots: string[];
  source_package: { name: string | null; version: string | null; url: string | null };
}

export interface ProjectName {
  owner: string;
  name: string;
}

export function buildJSON(row: BuildRow, project: ProjectName, resultsURL: string): BuildJSON {
  return {
    id: row.id,
    state: row.state,
    ownername: project.owner,
    projectname: project.name,
    project_dirname: row.dirname,
    repo_url: `${resultsURL}/${project.owner}/${project.name}`,
    submitted_on: row.submittedOn,
    started_on: row.startedOn,
    ended_on: row.endedOn,
    submitter: row.submitter,
    is_background: row.isBackground,
    chroots: row.chroots,
    source_package: { name: row.package, version: row.version, url: row.srpmURL && srpmURL(row.srpmURL, resultsURL) },
  };
}

export interface BuildChrootJSON {
  name: string;
  state: CoprState;
  started_on: number | null;
  ended_on: number | null;
  result_url: string | null;
}

export function buildChrootJSON(row: ChrootRow, resultsURL: string): BuildChrootJSON {
  return {
    name: row.name,
    state: row.state,
    started_on: row.startedOn,
    ended_on: row.endedOn,
    result_url: row.resultsURL && withSlash(publicURL(row.resultsURL, resultsURL)),
  };
}

/**
 * Statuses and records have the address of results as it was known in the cluster when they were written. Users of the API
 * may reach them by another one, which may also change in the course of years: what counts is the path below `/results/`.
 */
export function publicURL(url: string, resultsURL: string): string {
  const below = /^https?:\/\/[^/]+(?:\/[^/]+)*?\/results\/(.*)$/.exec(url)?.[1];
  return below === undefined ? url : `${resultsURL}/${below}`;
}

/** One that a user gave the address of is elsewhere, whatever the directories there are called. */
function srpmURL(url: string, resultsURL: string): string {
  return /\/results\/[^/]+\/[^/]+\/srpm-builds\/[0-9]+\/[^/]+$/.test(url) ? publicURL(url, resultsURL) : url;
}

export function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}

export function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

/** Epoch 0 is what an RPM without one has; clients expect null for it. */
export function nevraJSON({ name, epoch, version, release, arch }: Nevra): object {
  return { name, epoch: epoch === 0 ? null : epoch, version, release, arch };
}

const NUMBERS: Record<CoprState, number> = {
  failed: 0,
  succeeded: 1,
  canceled: 2,
  running: 3,
  pending: 4,
  skipped: 5,
  starting: 6,
  importing: 7,
  waiting: 9,
};

export const MONITOR_FIELDS = ['url_build_log', 'url_backend_log', 'url_build'] as const;
export type MonitorField = (typeof MONITOR_FIELDS)[number];

interface MonitorChroot {
  state: CoprState;
  status: number;
  build_id: number;
  pkg_version: string | null;
  url_build_log?: string | null;
  url_backend_log?: string | null;
  url_build?: string;
}

export interface MonitorPackage {
  name: string;
  chroots: Record<string, MonitorChroot>;
}

export interface MonitorInput {
  live: readonly MonitorRow[];
  /** By package, then chroot. */
  recorded: readonly MonitorRow[];
  /** Active chroots of the project; others are not shown. */
  chroots: readonly string[];
  fields: ReadonlySet<MonitorField>;
  frontendURL: string;
  resultsURL: string;
}

/** By name of package; in each chroot the build with the highest number. A live row wins over its own record. */
export function monitorPackages({ live, recorded, chroots, ...site }: MonitorInput): MonitorPackage[] {
  const active = new Map(chroots.map((chroot, index) => [chroot, index]));
  const packages = new Map<string, (MonitorRow | undefined)[]>();
  for (const rows of [recorded, live]) {
    for (const row of rows) {
      const index = active.get(row.chroot);
      if (index === undefined) continue;
      let shown = packages.get(row.package);
      if (shown === undefined) {
        shown = [];
        packages.set(row.package, shown);
      }
      if ((shown[index]?.build ?? 0) <= row.build) shown[index] = row;
    }
  }
  const names = [...packages.keys()].sort();
  return names.map((name) => {
    const shown: Record<string, MonitorChroot> = {};
    for (const row of packages.get(name) ?? []) {
      if (row !== undefined) shown[row.chroot] = monitorChroot(row, site);
    }
    return { name, chroots: shown };
  });
}

function monitorChroot(
  row: MonitorRow,
  { fields, frontendURL, resultsURL }: Pick<MonitorInput, 'fields' | 'frontendURL' | 'resultsURL'>,
): MonitorChroot {
  const shown: MonitorChroot = {
    state: row.state,
    status: NUMBERS[row.state],
    build_id: row.build,
    pkg_version: row.version,
  };
  if (fields.has('url_build_log'))
    shown.url_build_log = row.resultsURL && `${withSlash(publicURL(row.resultsURL, resultsURL))}builder-live.log`;
  // No process follows a build from outside, so that there is no log of it either.
  if (fields.has('url_backend_log')) shown.url_backend_log = null;
  if (fields.has('url_build')) shown.url_build = `${frontendURL}/coprs/build/${row.build}`;
  return shown;
}
