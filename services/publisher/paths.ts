import { join } from 'node:path';
import { SOURCE_CHROOT } from '../../lib/protocol/task.ts';
import { badRequest } from './api-error.ts';

/**
 * Every path of the publisher. Names come from tokens and requests; they are checked here once and nowhere else, and only the
 * checked form (ResultDirectory, ProjectName, a task id) can be turned into a path.
 *
 *   results/<owner>/<project>/<chroot>/<NNNNNNNN-package>/…   served by nginx (hidden names are not)
 *   staging/<task>/                                            what a task has sent so far
 *   state/tasks/<xx>/<task>.json                               how a task ended
 *   state/deleted/<owner>/<project>                            projects and directories that were deleted
 *   state/removed/<owner>/<project>/<removal>.json             builds that were removed
 *   uploads/<id>/<name>                                        sources on their way from the API to a build; served as /tmp/<id>/<name>
 *   work/<random>/                                             scratch; emptied at every start
 *   trash/<random>/                                            on its way to deletion; emptied at every start
 */

const patterns = {
  owner: /^@?[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}$/,
  project: /^[A-Za-z0-9_][A-Za-z0-9_.:+-]{0,127}$/,
  chroot: /^[A-Za-z0-9][A-Za-z0-9_.+]*(-[A-Za-z0-9_.+]+)+$/,
  directory: /^[0-9]{8,12}(-[A-Za-z0-9_][A-Za-z0-9_.+~^-]{0,199})?$/,
  removal: /^[A-Za-z0-9]([A-Za-z0-9._-]{0,198})$/,
  task: /^[0-9a-f-]{36}\.[0-9]{1,2}$/,
} as const;

/** Names that mean something else beside the chroots of a project. */
const reservedChroots: ReadonlySet<string> = new Set(['repo', 'repodata']);

export interface ProjectName {
  owner: string;
  project: string;
}

export interface ChrootName extends ProjectName {
  chroot: string;
}

/** Where the results of one task go; `chroot` is `srpm-builds` for a source build. */
export interface ResultDirectory extends ChrootName {
  directory: string;
}

function check(what: keyof typeof patterns, value: string): string {
  if (!patterns[what].test(value))
    throw badRequest('InvalidName', `"${value.slice(0, 200)}" is not a valid ${what} name`);
  return value;
}

export function projectName(owner: string, project: string): ProjectName {
  return { owner: check('owner', owner), project: check('project', project) };
}

export function chrootName(owner: string, project: string, chroot: string): ChrootName {
  if (chroot !== SOURCE_CHROOT) check('chroot', chroot);
  if (reservedChroots.has(chroot) || chroot.length > 128)
    throw badRequest('InvalidName', `"${chroot.slice(0, 200)}" is not a valid chroot name`);
  return { ...projectName(owner, project), chroot };
}

/** Whether a name in the directory of a project is that of a chroot, not of source builds or `.repo` files. */
export function isChroot(name: string): boolean {
  return name !== SOURCE_CHROOT && !reservedChroots.has(name) && patterns.chroot.test(name);
}

export function resultDirectory(owner: string, project: string, chroot: string, directory: string): ResultDirectory {
  return { ...chrootName(owner, project, chroot), directory: check('directory', directory) };
}

/** Reads the `dir` claim of a task token: exactly `owner/project/chroot/directory`. */
export function parseResultDirectory(dir: string): ResultDirectory {
  const [owner = '', project = '', chroot = '', directory = '', ...more] = dir.split('/');
  if (more.length > 0) throw badRequest('InvalidName', `"${dir.slice(0, 200)}" is not a results directory`);
  return resultDirectory(owner, project, chroot, directory);
}

export function taskId(text: string): string {
  return check('task', text);
}

export function removalName(text: string): string {
  return check('removal', text);
}

/** The build that a results directory, `00000001-hello` or `00000001`, is of; undefined for other names. */
export function buildNumberOf(directory: string): number | undefined {
  return patterns.directory.test(directory) ? Number.parseInt(directory, 10) : undefined;
}

/** The first directory of a project name with a suffix, as in `hello:pr:7`, shares the key of the project it belongs to. */
export function mainProject(project: string): string {
  return project.split(':', 1)[0] ?? project;
}

export interface Paths {
  data: string;
  results: string;
  staging: string;
  work: string;
  uploads: string;
  trash: string;
  records: string;
  project(name: ProjectName): string;
  chroot(name: ChrootName): string;
  result(name: ResultDirectory): string;
  upload(task: string): string;
  record(task: string): string;
  tombstone(name: ProjectName): string;
  /** Of the project, or of the one a directory belongs to. */
  removals(name: ProjectName): string;
}

export function pathsOf(data: string): Paths {
  const results = join(data, 'results');
  const staging = join(data, 'staging');
  const records = join(data, 'state', 'tasks');
  const project = (name: ProjectName): string => join(results, name.owner, name.project);
  const chroot = (name: ChrootName): string => join(project(name), name.chroot);
  return {
    data,
    results,
    staging,
    work: join(data, 'work'),
    uploads: join(data, 'uploads'),
    trash: join(data, 'trash'),
    records,
    project,
    chroot,
    result: (name) => join(chroot(name), name.directory),
    upload: (task) => join(staging, task),
    record: (task) => join(records, task.slice(0, 2), `${task}.json`),
    removals: (name) => join(data, 'state', 'removed', name.owner, mainProject(name.project)),
    tombstone: (name) => join(data, 'state', 'deleted', name.owner, name.project),
  };
}

/** Path of a results directory relative to the results root, as URLs and claims have it. */
export function relativePath(name: ResultDirectory): string {
  return `${name.owner}/${name.project}/${name.chroot}/${name.directory}`;
}
