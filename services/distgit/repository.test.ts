import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commitTree, ensureRepository, tidy, writeTree } from './repository.ts';
import { gitCommand, removeDir, scratchDir } from './testing/harness.ts';

const { signal } = new AbortController();
const stamp = { message: 'Import hello-1-1\n', time: 1_700_000_000 };

let dir: string;
let repo: string;

beforeEach(async () => {
  dir = await scratchDir();
  repo = join(dir, 'git', 'hello.git');
  await mkdir(join(dir, 'scratch'));
  await ensureRepository(repo, join(dir, 'scratch'), 'b1', signal);
});

afterEach(async () => removeDir(dir));

async function tree(content: string): Promise<string> {
  const path = join(dir, 'content');
  await writeFile(path, content);
  const files = ['b', 'a', 'a.b', 'a-b', 'ä'].map((name) => ({ name, path, executable: name === 'b' }));
  return writeTree(repo, files, signal);
}

const git = (...args: string[]): Promise<string> => gitCommand('-c', 'safe.directory=*', '--git-dir', repo, ...args);

describe('a repository', () => {
  it('is bare, has no hooks, and is left alone when it exists', async () => {
    const commit = await commitTree(repo, await tree('1'), ['b1'], stamp, signal);
    await ensureRepository(repo, join(dir, 'scratch'), 'b2', signal);
    expect(await git('rev-parse', 'b1')).toBe(commit.b1);
    expect(await git('symbolic-ref', 'HEAD')).toBe('refs/heads/b1');
    expect(await git('config', 'core.bare')).toBe('true');
    expect(await readdir(repo)).not.toContain('hooks');
  });

  it('gets the locks of a killed process removed', async () => {
    await commitTree(repo, await tree('1'), ['b1'], stamp, signal);
    for (const lock of ['refs/heads/b1.lock', 'HEAD.lock', 'packed-refs.lock']) await writeFile(join(repo, lock), '');
    const next = await tree('2');
    await expect(commitTree(repo, next, ['b1'], stamp, signal)).rejects.toMatchObject({ code: 'GitFailed' });
    await ensureRepository(repo, join(dir, 'scratch'), 'b1', signal);
    const commits = await commitTree(repo, next, ['b1'], stamp, signal);
    expect(await git('rev-parse', 'b1^{tree}')).toBe(next);
    expect(await git('rev-list', '--count', commits.b1 as string)).toBe('2');
  });

  it('has a tree that git finds in order', async () => {
    const commits = await commitTree(repo, await tree('1'), ['b1'], stamp, signal);
    expect(await git('fsck', '--strict')).toBe('');
    expect(
      (await git('-c', 'core.quotePath=false', 'ls-tree', commits.b1 as string))
        .split('\n')
        .map((line) => line.replace(/ blob \w+/, '')),
    ).toEqual(['100644\ta', '100644\ta-b', '100644\ta.b', '100755\tb', '100644\tä']);
    expect(await git('log', '-1', '--format=%an <%ae> %at %ct %s', 'b1')).toBe(
      'kopr <kopr@localhost> 1700000000 1700000000 Import hello-1-1',
    );
  });

  it('joins branches of equal history and keeps different ones apart', async () => {
    const one = await tree('1');
    const two = await tree('2');
    const first = await commitTree(repo, one, ['b1', 'b2'], stamp, signal);
    expect(first.b1).toBe(first.b2);
    const second = await commitTree(repo, two, ['b1', 'b3'], stamp, signal);
    expect(second.b1).toBe(second.b3);
    const third = await commitTree(repo, two, ['b2'], stamp, signal);
    // b2 had the same parent, so the same content gives the same commit.
    expect(third.b2).toBe(second.b1);
    const fourth = await commitTree(repo, one, ['b1', 'b2', 'b3'], stamp, signal);
    expect(new Set(Object.values(fourth)).size).toBe(1);
    expect(await git('rev-list', '--count', 'b3')).toBe('3');
    expect(await commitTree(repo, one, ['b3', 'b1'], stamp, signal)).toEqual({ b1: fourth.b1, b3: fourth.b1 });
  });

  it('is the same after packing', async () => {
    const commits = await commitTree(repo, await tree('1'), ['b1'], stamp, signal);
    await git('gc', '--quiet');
    await tidy(repo, signal);
    expect(await commitTree(repo, await tree('1'), ['b1', 'b2'], stamp, signal)).toEqual({
      b1: commits.b1,
      b2: commits.b1,
    });
  });
});
