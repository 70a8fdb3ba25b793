import { TerminalError } from '../../lib/errors.ts';
import type { TaskRepo } from '../../lib/protocol/task.ts';
import { podPaths } from '../../lib/protocol/task.ts';

export interface DnfSettings {
  cacheDir: string;
  /** Are the repositories of the chroot's image used, beside those of the task? */
  imageRepos: boolean;
}

/** Where the engine script (`engines/container/prepare.sh`) puts copies of the image's own repository files. */
const IMAGE_REPOS = `${podPaths.work}/state/repos.d`;

/**
 * The whole dnf configuration of a build. Without `imageRepos` it has the repositories of the task and no others, so
 * that a build depends on nothing that happens to be in the chroot's image. With them, each of the image's keeps its own
 * priority and its own check of signatures; one that says nothing about signatures is checked, as [main] has it. Of two
 * repositories with one id dnf takes the first, and that is the one in this file.
 */
export function dnfConf(repos: readonly TaskRepo[], settings: DnfSettings): string {
  const main = [
    '[main]',
    'assumeyes=1',
    'best=1',
    `cachedir=${settings.cacheDir}`,
    // A package that a repository does not sign is refused, unless the repository says it signs nothing.
    'gpgcheck=1',
    'localpkg_gpgcheck=0',
    'install_weak_deps=0',
    'keepcache=0',
    'max_parallel_downloads=6',
    'obsoletes=1',
    `reposdir=${settings.imageRepos ? IMAGE_REPOS : '/dev/null'}`,
    'retries=5',
    'skip_if_unavailable=0',
    'timeout=30',
  ];
  const sections = repos.map((repo) => [
    '',
    `[${repo.id}]`,
    ...repoLines(repo),
    ...(repo.priority === undefined ? [] : [`priority=${repo.priority}`]),
    ...(repo.moduleHotfixes === undefined ? [] : [`module_hotfixes=${flag(repo.moduleHotfixes)}`]),
    `skip_if_unavailable=${flag(repo.skipIfUnavailable)}`,
  ]);
  return `${[main, ...sections].flat().join('\n')}\n`;
}

/** The task's repositories for zypper, which has other names for some keys and no notion of a missing repository. */
export function zyppRepos(repos: readonly TaskRepo[]): string {
  const sections = repos.map((repo) => [
    `[${repo.id}]`,
    ...repoLines(repo),
    'autorefresh=1',
    'type=rpm-md',
    ...(repo.priority === undefined ? [] : [`priority=${repo.priority}`]),
    '',
  ]);
  return sections.flat().join('\n');
}

function repoLines(repo: TaskRepo): string[] {
  if (repo.gpgcheck && repo.gpgkey === undefined) {
    throw new TerminalError(
      'InvalidRepository',
      `the repository "${repo.id}" is to be checked for signatures, but no key is given for it`,
    );
  }
  return [
    `name=${value(repo, 'name', repo.name)}`,
    `baseurl=${value(repo, 'URL', repo.baseurl)}`,
    'enabled=1',
    `gpgcheck=${flag(repo.gpgcheck)}`,
    ...(repo.gpgkey === undefined ? [] : [`gpgkey=${value(repo, 'key', repo.gpgkey)}`]),
  ];
}

function flag(on: boolean): string {
  return on ? '1' : '0';
}

/** A line end would begin a setting of the stranger's own. */
function value(repo: TaskRepo, what: string, text: string): string {
  if (text === '' || /\p{Cc}|^\s|\s$/u.test(text)) {
    throw new TerminalError(
      'InvalidRepository',
      `the ${what} of the repository "${repo.id}" is empty, begins or ends with a space, or holds a control character`,
    );
  }
  return text;
}
