import { join } from 'node:path';
import type { HashType } from '../../lib/lookaside/sources.ts';

export interface PackagePath {
  owner: string;
  project: string;
  package: string;
}

/**
 * Where everything is below the data directory. All of it is one file system: the store relies on hard links and
 * every step on atomic renames.
 *   git/<owner>/<project>/<package>.git                              bare repositories
 *   lookaside/store/<2 digits>/<sha512>                              each content once for the whole installation
 *   lookaside/pkgs/<owner>/<project>/<package>/<file>/<type>-<hash>  hard links to the store, one per way to ask
 *   imports/<2 digits>/<task>.json                                   answers of finished imports
 *   per-task-logs/<build>.log
 *   tmp/  trash/                                                     emptied at every start
 */
export interface Layout {
  git: string;
  store: string;
  pkgs: string;
  imports: string;
  logs: string;
  tmp: string;
  trash: string;
}

export function layoutOf(dataDir: string): Layout {
  return {
    git: join(dataDir, 'git'),
    store: join(dataDir, 'lookaside', 'store'),
    pkgs: join(dataDir, 'lookaside', 'pkgs'),
    imports: join(dataDir, 'imports'),
    logs: join(dataDir, 'per-task-logs'),
    tmp: join(dataDir, 'tmp'),
    trash: join(dataDir, 'trash'),
  };
}

export function repositoryDir(layout: Layout, path: PackagePath): string {
  return join(layout.git, path.owner, path.project, `${path.package}.git`);
}

export function storePath(layout: Layout, sha512: string): string {
  return join(layout.store, sha512.slice(0, 2), sha512);
}

export function lookasideDir(layout: Layout, path: PackagePath, file: string): string {
  return join(layout.pkgs, path.owner, path.project, path.package, file);
}

export function lookasideFile(
  layout: Layout,
  path: PackagePath,
  file: string,
  hashtype: HashType,
  hash: string,
): string {
  return join(lookasideDir(layout, path, file), `${hashtype}-${hash}`);
}

export function recordPath(layout: Layout, task: string): string {
  return join(layout.imports, task.slice(0, 2), `${task}.json`);
}

export function taskLogPath(layout: Layout, build: number): string {
  return join(layout.logs, `${build}.log`);
}
