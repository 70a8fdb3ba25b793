/** Projects as dnf sees them: their repositories, directories and what they need at run time. Pure but for look-ups. */
import type { Project } from '../../crds/project.ts';
import { fromTimestamp } from '../../lib/clock.ts';
import {
  dependencyName,
  externalRepositoryId,
  nameReleaseOf,
  type RepoFileOptions,
  type RuntimeDependency,
  repositoryId,
  withoutOptions,
} from '../../lib/repo-file/repo-file.ts';
import { splitDirname } from '../history/dirname.ts';

export interface DnfProject {
  owner: string;
  name: string;
  project: Project;
}

export type FindProject = (owner: string, name: string) => DnfProject | undefined;

/** 32-bit packages that run on a 64-bit machine. */
const MULTILIB: Readonly<Record<string, string>> = { x86_64: 'i386' };
const MULTILIB_COST = '1100';
/** Projects may depend on each other in circles and for long. */
const MAX_DEPENDENCIES = 100;

/** Chroots that are enabled, and those that are not any more but whose repositories are still there. */
export function chrootsWithRepos({ project }: Pick<DnfProject, 'project'>): string[] {
  return [...new Set([...project.spec.chroots, ...(project.status?.chroots?.map(({ name }) => name) ?? [])])].sort();
}

/** The chroot that `fedora-43` or `fedora-43-x86_64` stands for. */
export function matchChroot(chroots: readonly string[], name: string): string | undefined {
  return chroots.findLast((chroot) => chroot === name || chroot.startsWith(`${name}-`));
}

export function repoOptions({ project }: Pick<DnfProject, 'project'>): RepoFileOptions {
  const { repoPriority: priority, moduleHotfixes } = project.spec.options;
  return { moduleHotfixes, ...(priority === undefined ? {} : { priority }) };
}

/** The 32-bit architecture that a machine gets too. */
export function multilibOf({ project }: Pick<DnfProject, 'project'>, chroot: string, arch: string): string | undefined {
  const small = MULTILIB[arch];
  if (small === undefined || !project.spec.options.multilib) return undefined;
  return project.spec.chroots.includes(`${nameReleaseOf(chroot)}-${small}`) ? small : undefined;
}

/** Directories besides the main one that there are. */
export function directoriesOf({ project }: Pick<DnfProject, 'project'>): readonly string[] {
  return project.status?.directories ?? [];
}

/** In the order in which a project names them, then those that they need themselves. */
export function dependenciesOf(of: DnfProject, find: FindProject): RuntimeDependency[] {
  const seen = new Set([`copr://${of.owner}/${of.name}`]);
  const dependencies: RuntimeDependency[] = [];
  const waiting: DnfProject[] = [of];
  for (let current = waiting.shift(); current !== undefined; current = waiting.shift()) {
    for (const repo of current.project.spec.runtimeDependencies ?? []) {
      const { baseurl } = withoutOptions(repo);
      if (seen.has(baseurl) || dependencies.length >= MAX_DEPENDENCIES) continue;
      seen.add(baseurl);
      const found = dependencyOf(repo, find);
      dependencies.push(found.dependency);
      if (found.project !== undefined) waiting.push(found.project);
    }
  }
  return dependencies;
}

function dependencyOf(repo: string, find: FindProject): { dependency: RuntimeDependency; project?: DnfProject } {
  const { baseurl, priority } = withoutOptions(repo);
  const [, owner, dirname] = /^copr:\/\/([^/]+)\/([^/?]+)/.exec(baseurl) ?? [];
  if (owner === undefined || dirname === undefined) return { dependency: { kind: 'external', baseurl: repo } };
  const project = find(owner, splitDirname(dirname).project);
  if (project === undefined) return { dependency: { kind: 'missing', name: baseurl } };
  const options = { ...repoOptions(project), ...(priority === undefined ? {} : { priority }) };
  return { dependency: { kind: 'project', owner, project: dirname, options }, project };
}

interface RepoJSON {
  opts: Record<string, unknown>;
  delete_after_days?: number;
  multilib?: Record<string, { opts: Record<string, unknown> }>;
}

interface Site {
  frontendURL: string;
  resultsURL: string;
  /** Milliseconds since the epoch. */
  now: number;
}

/** What dnf5 makes a .repo file of by itself. */
export function rpmRepoJSON(of: DnfProject, find: FindProject, site: Site): object {
  const { name, project } = of;
  const { expiresAt } = project.spec;
  return {
    results_url: site.resultsURL,
    repos: reposOf(of),
    directories: Object.fromEntries([name, ...directoriesOf(of)].map((directory) => [directory, {}])),
    dependencies: dependenciesJSON(of, find, site.frontendURL),
    ...(expiresAt === undefined ? {} : { delete_after_days: daysUntil(expiresAt, site.now) }),
  };
}

function reposOf(of: DnfProject): Record<string, { arch: Record<string, RepoJSON> }> {
  const repos: Record<string, { arch: Record<string, RepoJSON> }> = {};
  const opts = optsOf(repoOptions(of));
  for (const chroot of chrootsWithRepos(of)) {
    const nameRelease = nameReleaseOf(chroot);
    const arch = chroot.slice(nameRelease.length + 1);
    const small = multilibOf(of, chroot, arch);
    const release = repos[nameRelease] ?? { arch: {} };
    release.arch[arch] = {
      opts,
      ...(small === undefined ? {} : { multilib: { [small]: { opts: { ...opts, cost: MULTILIB_COST } } } }),
    };
    repos[nameRelease] = release;
  }
  return repos;
}

function optsOf({ moduleHotfixes, priority }: RepoFileOptions): Record<string, unknown> {
  return { ...(moduleHotfixes ? { module_hotfixes: '1' } : {}), ...(priority === undefined ? {} : { priority }) };
}

function dependenciesJSON(of: DnfProject, find: FindProject, frontendURL: string): object[] {
  const dependent = { owner: of.owner, project: of.name };
  return dependenciesOf(of, find).flatMap((dependency, index): object[] => {
    if (dependency.kind === 'missing') return [];
    const name = dependencyName(frontendURL, dependent, index + 1, dependency);
    if (dependency.kind === 'project') {
      const { owner, project, options } = dependency;
      const opts = { id: repositoryId('coprdep', frontendURL, dependency), name, ...optsOf(options) };
      return [{ type: 'copr', opts, data: { owner, projectname: project } }];
    }
    const { baseurl, priority } = withoutOptions(dependency.baseurl);
    const opts = { id: externalRepositoryId(baseurl), name, ...(priority === undefined ? {} : { priority }) };
    return [{ type: 'external_baseurl', opts, data: { pattern: baseurl } }];
  });
}

const DAY_MS = 86_400_000;

function daysUntil(timestamp: string, now: number): number {
  return Math.max(0, Math.ceil((fromTimestamp(timestamp) - now) / DAY_MS));
}
