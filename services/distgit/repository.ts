import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { removeFile, syncDirectory } from '../../lib/durable.ts';
import { hasCode } from '../../lib/errors.ts';
import { git } from './git.ts';

export interface TreeFile {
  name: string;
  executable: boolean;
  /** Where the content is on disk. */
  path: string;
}

export interface CommitStamp {
  message: string;
  /** Seconds since the epoch; part of the commit's identity, so it must come from the input and not from a clock. */
  time: number;
}

interface Tip {
  commit: string;
  tree: string;
}

const NO_COMMIT = '0'.repeat(40);
const IDENTITY = { name: 'kopr', email: 'kopr@localhost' } as const;

/**
 * Creates the bare repository if there is none, by rename of a finished one, and removes the locks of a process that
 * was killed. The caller holds the package's lock, so no lock found here can have a living owner.
 */
export async function ensureRepository(
  repo: string,
  scratch: string,
  head: string,
  signal: AbortSignal,
): Promise<void> {
  if (await exists(repo)) {
    await removeStaleLocks(repo);
    return;
  }
  const fresh = join(scratch, 'repository.git');
  await rm(fresh, { recursive: true, force: true });
  await git(['init', '--quiet', '--bare', '--template=', `--initial-branch=${head}`, '--', fresh], { signal });
  await mkdir(dirname(repo), { recursive: true });
  try {
    await rename(fresh, repo);
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  }
  await syncDirectory(dirname(repo));
}

async function exists(repo: string): Promise<boolean> {
  try {
    return (await readdir(repo)).includes('HEAD');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

async function removeStaleLocks(repo: string): Promise<void> {
  for (const dir of [repo, join(repo, 'refs', 'heads')]) {
    for (const name of await readdir(dir)) {
      if (name.endsWith('.lock')) await removeFile(join(dir, name));
    }
  }
}

/** Writes the files as one flat tree and returns its id. */
export async function writeTree(repo: string, files: readonly TreeFile[], signal: AbortSignal): Promise<string> {
  const paths = files.map((file) => `${file.path}\n`).join('');
  const hashed = await git(['--git-dir', repo, 'hash-object', '-w', '--no-filters', '--stdin-paths'], {
    signal,
    input: paths,
  });
  const ids = hashed.split('\n');
  const lines = files.map(
    (file, index) => `${file.executable ? '100755' : '100644'} blob ${ids[index]}\t${file.name}\0`,
  );
  return (await git(['--git-dir', repo, 'mktree', '-z'], { signal, input: lines.join('') })).trim();
}

/**
 * Brings every branch to `tree` and returns the commit of each. A branch that has the tree already keeps its commit,
 * so that a repeated import changes nothing. A new branch starts at the commit of one that exists: branches of one
 * package share history as long as their content is equal. All refs move in one transaction, each from the value seen.
 */
export async function commitTree(
  repo: string,
  tree: string,
  branches: readonly string[],
  stamp: CommitStamp,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const tips = await readTips(repo, signal);
  const made = new Map<string, string>();
  const commitOn = async (parent: string | undefined): Promise<string> => {
    const known = made.get(parent ?? '');
    if (known) return known;
    const commit = await createCommit(repo, tree, parent, stamp, signal);
    made.set(parent ?? '', commit);
    return commit;
  };
  const result: Record<string, string> = {};
  for (const branch of branches) {
    const tip = tips.get(branch);
    if (tip) result[branch] = tip.tree === tree ? tip.commit : await commitOn(tip.commit);
  }
  const shared = Object.values(result)[0];
  for (const branch of branches) {
    result[branch] ??= shared ?? (await commitOn(undefined));
  }
  const updates = branches
    .filter((branch) => tips.get(branch)?.commit !== result[branch])
    .map((branch) => `update refs/heads/${branch} ${result[branch]} ${tips.get(branch)?.commit ?? NO_COMMIT}\n`);
  if (updates.length > 0) {
    const input = `start\n${updates.join('')}prepare\ncommit\n`;
    await git(['--git-dir', repo, 'update-ref', '--stdin'], { signal, input });
  }
  return result;
}

async function readTips(repo: string, signal: AbortSignal): Promise<Map<string, Tip>> {
  const format = '--format=%(refname:lstrip=2) %(objectname) %(tree)';
  const text = await git(['--git-dir', repo, 'for-each-ref', format, 'refs/heads'], { signal });
  const tips = new Map<string, Tip>();
  for (const line of text.split('\n')) {
    const [branch, commit, tree] = line.split(' ');
    if (branch && commit && tree) tips.set(branch, { commit, tree });
  }
  return tips;
}

async function createCommit(
  repo: string,
  tree: string,
  parent: string | undefined,
  stamp: CommitStamp,
  signal: AbortSignal,
): Promise<string> {
  const date = `${stamp.time} +0000`;
  const env = {
    GIT_AUTHOR_NAME: IDENTITY.name,
    GIT_AUTHOR_EMAIL: IDENTITY.email,
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: IDENTITY.name,
    GIT_COMMITTER_EMAIL: IDENTITY.email,
    GIT_COMMITTER_DATE: date,
  };
  const parents = parent === undefined ? [] : ['-p', parent];
  const args = ['--git-dir', repo, 'commit-tree', '--no-gpg-sign', ...parents, tree];
  return (await git(args, { signal, env, input: stamp.message })).trim();
}

/** Packs loose objects when there are many. A repository is right without it, only slower to clone. */
export async function tidy(repo: string, signal: AbortSignal): Promise<void> {
  await git(['--git-dir', repo, 'gc', '--auto', '--quiet'], { signal });
}
