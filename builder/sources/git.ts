import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, TerminalError } from '../../lib/errors.ts';
import { patiently } from './download.ts';
import type { FetchedSource } from './fetched.ts';
import type { GitContext } from './git-command.ts';
import { authorization, git, must } from './git-command.ts';
import { gitFailure } from './git-errors.ts';
import { chooseSpec, safeRelativePath } from './spec-choice.ts';
import { showURL, webURL } from './urls.ts';

export interface GitCheckout {
  url: string;
  /** Branch, tag, commit or `refs/…`; the server's default branch when absent. */
  committish?: string | undefined;
  /** Where the tree goes; it must not exist yet. */
  directory: string;
  submodules: boolean;
}

const COMMIT = /^[0-9a-f]{40}$|^[0-9a-f]{64}$/;
const ABBREVIATED = /^[0-9a-f]{7,64}$/;

/** Clones into `directory` and picks the spec file. Rejects as `checkout` and `chooseSpec` do. */
export async function fetchGit(
  source: {
    url: string;
    committish?: string | undefined;
    subdirectory?: string | undefined;
    spec?: string | undefined;
  },
  directory: string,
  context: GitContext,
): Promise<FetchedSource> {
  const subdirectory = safeRelativePath(source.subdirectory ?? '', 'the subdirectory');
  await checkout({ url: source.url, committish: source.committish, directory, submodules: true }, context);
  const file = await chooseSpec(directory, subdirectory, source.spec);
  context.log.say(`spec file ${file}`);
  return { kind: 'spec', file };
}

/**
 * Makes `directory` a checkout of one commit and resolves with its full id. The history is left out where the server
 * can do that; a "dumb" one (plain files) cannot. Rejects with TerminalError `UnsupportedSource`, `InvalidSource`,
 * `GitReferenceNotFound` or `GitFetchFailed`; with a Refusal when our own server says that this pod may not.
 */
export async function checkout(wanted: GitCheckout, context: GitContext): Promise<string> {
  const url = webURL(wanted.url, 'the repository');
  const committish = wanted.committish === '' ? undefined : wanted.committish;
  if (committish !== undefined) checkCommittish(committish);
  context.log.say(`cloning ${showURL(url)}${committish === undefined ? '' : ` at ${committish}`}`);
  await mkdir(context.scratch, { recursive: true });
  const commit = await tries(wanted, context, async () => {
    await rm(wanted.directory, { recursive: true, force: true });
    must(await git(['init', '--quiet', '--template=', '--', wanted.directory], context, context.scratch), url, context);
    must(await git(['remote', 'add', 'origin', '--', url.href], context, wanted.directory), url, context);
    const id = (await shallow(committish, wanted, context, url)) ?? (await full(committish, wanted, context, url));
    must(await git(['checkout', '--quiet', '--detach', id, '--'], context, wanted.directory), url, context);
    return id;
  });
  context.log.say(`checked out commit ${commit}`);
  if (wanted.submodules && (await isFile(join(wanted.directory, '.gitmodules'))))
    await submodules(wanted, context, url);
  return commit;
}

/** The commit, fetched without its history; undefined when the server or the name needs another way. */
async function shallow(
  committish: string | undefined,
  wanted: GitCheckout,
  context: GitContext,
  url: URL,
): Promise<string | undefined> {
  const result = await git(
    ['fetch', '--quiet', '--depth=1', '--no-tags', 'origin', committish ?? 'HEAD'],
    context,
    wanted.directory,
    authorization(url, context),
  );
  if (result.code === 0) return await resolve('FETCH_HEAD', wanted, context, url);
  const failure = gitFailure(result.output);
  if (failure === 'no-shallow') return undefined;
  if (failure === 'no-reference') {
    // git has looked for a branch and a tag of that name. What is left is a commit that no name points at.
    if (committish === undefined || !ABBREVIATED.test(committish)) throw notFound(committish, url);
    return undefined;
  }
  must(result, url, context);
  throw new Error('git fetched nothing');
}

async function full(
  committish: string | undefined,
  wanted: GitCheckout,
  context: GitContext,
  url: URL,
): Promise<string> {
  const refspecs = ['+HEAD:refs/kopr/head', '+refs/heads/*:refs/kopr/heads/*', '+refs/tags/*:refs/tags/*'];
  if (committish?.startsWith('refs/')) refspecs.push(`+${committish}:refs/kopr/wanted`);
  const result = await git(
    ['fetch', '--quiet', '--no-tags', 'origin', ...refspecs],
    context,
    wanted.directory,
    authorization(url, context),
  );
  if (result.code !== 0 && gitFailure(result.output) === 'no-reference') throw notFound(committish, url);
  must(result, url, context);
  for (const name of candidates(committish)) {
    const parsed = await git(
      ['rev-parse', '--quiet', '--verify', '--end-of-options', `${name}^{commit}`],
      context,
      wanted.directory,
    );
    if (parsed.code === 0) return parsed.stdout.trim();
  }
  throw notFound(committish, url);
}

function candidates(committish: string | undefined): string[] {
  if (committish === undefined) return ['refs/kopr/head'];
  if (committish.startsWith('refs/')) return ['refs/kopr/wanted'];
  const names = [`refs/tags/${committish}`, `refs/kopr/heads/${committish}`];
  return ABBREVIATED.test(committish) ? [...names, committish] : names;
}

async function resolve(name: string, wanted: GitCheckout, context: GitContext, url: URL): Promise<string> {
  const result = await git(
    ['rev-parse', '--verify', '--end-of-options', `${name}^{commit}`],
    context,
    wanted.directory,
  );
  must(result, url, context);
  const id = result.stdout.trim();
  if (!COMMIT.test(id)) throw new Error(`git did not name a commit for ${name}`);
  return id;
}

async function submodules(wanted: GitCheckout, context: GitContext, url: URL): Promise<void> {
  context.log.say('fetching submodules');
  await tries(wanted, context, async () => {
    const update = ['submodule', '--quiet', 'update', '--init', '--recursive', '--force'];
    const result = await git([...update, '--depth=1'], context, wanted.directory);
    if (result.code === 0) return;
    // A server without shallow fetches, or a commit that no branch ends with.
    must(await git(update, context, wanted.directory), url, context);
  });
}

function tries<T>(wanted: GitCheckout, context: GitContext, work: () => Promise<T>): Promise<T> {
  return patiently(context, work).catch((error: unknown) => {
    context.signal.throwIfAborted();
    if (error instanceof TerminalError || context.server === 'own') throw error;
    throw new TerminalError('GitFetchFailed', `${wanted.url} could not be cloned: ${errorMessage(error)}`);
  });
}

function notFound(committish: string | undefined, url: URL): TerminalError {
  const what = committish === undefined ? 'a default branch' : `a branch, tag or commit "${committish}"`;
  return new TerminalError('GitReferenceNotFound', `${showURL(url)} does not have ${what}`);
}

function checkCommittish(name: string): void {
  // git check-ref-format's rules, more or less: what is left can be neither an option nor an expression nor a refspec.
  if (
    name.length > 255 ||
    !/^[A-Za-z0-9_][^\p{Cc} ~^:?*[\\]*$/u.test(name) ||
    name.includes('..') ||
    name.includes('@{')
  ) {
    throw new TerminalError('InvalidSource', `"${name}" cannot be the name of a branch, tag or commit`);
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
