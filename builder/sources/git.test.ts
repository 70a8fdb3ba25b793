import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TerminalError } from '../../lib/errors.ts';
import type { TestContext } from '../testing/context.ts';
import { fetchContext, temporaryDirectory, tool } from '../testing/context.ts';
import { smartGit } from '../testing/git-server.ts';
import type { WebServer } from '../testing/web-server.ts';
import { serveFiles, startWebServer } from '../testing/web-server.ts';
import { checkout, fetchGit } from './git.ts';

let root: Awaited<ReturnType<typeof temporaryDirectory>>;
let dumb: WebServer;
let smart: WebServer;
let first: string;
let context: TestContext & { scratch: string };
let target: string;
let troubles = 0;
let number = 0;

const write = async (path: string, text: string): Promise<void> => writeFile(join(root.path, 'work', path), text);
const git = (...args: string[]): Promise<string> => tool(join(root.path, 'work'), 'git', ...args);

beforeAll(async () => {
  root = await temporaryDirectory();
  const served = join(root.path, 'served');
  // Plain files behind any web server: "dumb" HTTP.
  dumb = await startWebServer((request, response) => serveFiles(served, request, response));
  smart = await startWebServer((request, response) => {
    if (troubles > 0) {
      troubles--;
      return void request.socket.destroy();
    }
    return smartGit(served, request, response);
  });
  await mkdir(join(root.path, 'work', 'packaging'), { recursive: true });
  await mkdir(served);
  await git('init', '-q', '-b', 'main');
  await write('hello.spec', 'version 1');
  await write('packaging/a.spec', 'a');
  await write('packaging/b.spec', 'b');
  await symlink('/etc', join(root.path, 'work', 'outside'));
  await symlink('/etc/passwd', join(root.path, 'work', 'packaging', 'link.spec'));
  await git('add', '.');
  await git('commit', '-qm', 'first');
  first = await git('rev-parse', 'HEAD');
  await git('tag', '-am', 'one', 'v1');
  await git('branch', 'stable/1');
  await git('update-ref', 'refs/pull/7/head', first);
  await write('hello.spec', 'version 2');
  await git('commit', '-qam', 'second');
  await tool(root.path, 'git', 'clone', '-q', '--mirror', 'work', 'served/hello.git');
  await tool(join(served, 'hello.git'), 'git', 'update-server-info');
});

afterAll(async () => {
  await Promise.all([dumb.stop(), smart.stop()]);
  await root.remove();
});

beforeEach(() => {
  context = { ...fetchContext(), scratch: join(root.path, 'scratch') };
  target = join(root.path, `checkout-${++number}`);
});

describe.each(['smart', 'dumb'])('a clone from a %s server', (kind) => {
  const url = (): string => `${kind === 'smart' ? smart.url : dumb.url}/hello.git`;

  it.each([
    ['nothing', undefined, 'version 2'],
    ['an empty text', '', 'version 2'],
    ['a branch', 'main', 'version 2'],
    ['a branch with a slash', 'stable/1', 'version 1'],
    ['an annotated tag', 'v1', 'version 1'],
    ['a full reference', 'refs/heads/stable/1', 'version 1'],
    ['a reference that is neither branch nor tag', 'refs/pull/7/head', 'version 1'],
    ['a commit', 'FIRST', 'version 1'],
    ['an abbreviated commit', 'FIRST8', 'version 1'],
  ])('takes %s as committish', async (_what, committish, expected) => {
    const name = committish?.startsWith('FIRST') ? first.slice(0, committish === 'FIRST' ? 40 : 8) : committish;
    expect(await fetchGit({ url: url(), committish: name }, target, context)).toEqual({
      kind: 'spec',
      file: 'hello.spec',
    });
    expect(await readFile(join(target, 'hello.spec'), 'utf8')).toBe(expected);
  });

  it.each([['nothing-of-that-name'], ['refs/heads/none'], ['0123456789012345678901234567890123456789']])(
    'says that %s is not there',
    async (committish) => {
      const attempt = fetchGit({ url: url(), committish }, target, context);
      await expect(attempt).rejects.toMatchObject({ code: 'GitReferenceNotFound' });
      await expect(attempt).rejects.toThrow(`does not have a branch, tag or commit "${committish}"`);
    },
  );

  it('says that a repository is not there, without trying again', async () => {
    const attempt = fetchGit({ url: url().replace('hello', 'none') }, target, context);
    await expect(attempt).rejects.toMatchObject({ code: 'GitFetchFailed' });
    expect(context.clock.slept).toEqual([]);
  });
});

describe('a clone', () => {
  const url = (): string => `${smart.url}/hello.git`;

  it('leaves the history out where the server can do that', async () => {
    await checkout({ url: url(), directory: target, submodules: false }, context);
    expect(await tool(target, 'git', 'rev-list', '--count', 'HEAD')).toBe('1');
  });

  it('survives a connection that is lost', async () => {
    troubles = 2;
    await checkout({ url: url(), directory: target, submodules: false }, context);
    expect(context.clock.slept).toEqual([1000, 2000]);
    expect(context.log.text()).toContain('trying again in 1 s');
  });

  it('gives up on a server that does not answer', async () => {
    const gone = await startWebServer(() => {});
    await gone.stop();
    const attempt = checkout({ url: `${gone.url}/x`, directory: target, submodules: false }, context);
    await expect(attempt).rejects.toThrow(/could not be cloned: .*(Failed|Could not|Couldn't) .*connect/i);
    expect(context.clock.slept).toHaveLength(3);
  });

  it.each([
    ['file:///etc', undefined],
    ['ext::sh -c touch% /tmp/x', undefined],
    ['ssh://git@127.0.0.1/x', undefined],
    ['--upload-pack=touch /tmp/x', undefined],
    ['SERVER', '--upload-pack=x'],
    ['SERVER', 'a b'],
    ['SERVER', 'HEAD~1'],
    ['SERVER', 'a..b'],
    ['SERVER', 'main:refs/heads/x'],
    ['SERVER', '+main'],
  ])('refuses URL %s with committish %s before git is run', async (given, committish) => {
    const wanted = { url: given === 'SERVER' ? url() : given, committish, directory: target, submodules: true };
    const attempt = checkout(wanted, context);
    await expect(attempt).rejects.toBeInstanceOf(TerminalError);
    await expect(attempt).rejects.toMatchObject({ code: expect.stringMatching(/^(UnsupportedSource|InvalidSource)$/) });
    await expect(readFile(join(target, '.git', 'config'))).rejects.toThrow('ENOENT');
  });

  it('runs no hook and no filter that a template or a configuration could bring', async () => {
    await checkout({ url: url(), directory: target, submodules: false }, context);
    await expect(readFile(join(target, '.git', 'hooks', 'post-checkout.sample'))).rejects.toThrow('ENOENT');
  });
});

describe('submodules', () => {
  async function withSubmodule(name: string, submoduleURL: string): Promise<void> {
    const work = join(root.path, name);
    await mkdir(work);
    await tool(work, 'git', 'init', '-q', '-b', 'main');
    await writeFile(join(work, 'x.spec'), 'x');
    await writeFile(join(work, '.gitmodules'), `[submodule "sub"]\n\tpath = sub\n\turl = ${submoduleURL}\n`);
    await tool(work, 'git', 'add', '.');
    await tool(work, 'git', 'update-index', '--add', '--cacheinfo', `160000,${first},sub`);
    await tool(work, 'git', 'commit', '-qm', 'with submodule');
    await tool(root.path, 'git', 'clone', '-q', '--mirror', name, `served/${name}.git`);
  }

  it('are fetched, with relative URLs and at a commit that is no branch', async () => {
    await withSubmodule('outer', '../hello.git');
    await withSubmodule('outmost', '../outer.git');
    await fetchGit({ url: `${smart.url}/outer.git` }, target, context);
    expect(await readFile(join(target, 'sub', 'hello.spec'), 'utf8')).toBe('version 1');
  });

  it.each([
    ['local', () => join(root.path, 'served', 'hello.git')],
    ['url-file', () => `file://${join(root.path, 'served', 'hello.git')}`],
    ['url-ext', () => 'ext::sh -c id'],
  ])('of a %s kind are refused', async (name, submoduleURL) => {
    await withSubmodule(name, submoduleURL());
    const attempt = fetchGit({ url: `${smart.url}/${name}.git` }, target, context);
    await expect(attempt).rejects.toMatchObject({
      code: 'GitFetchFailed',
      message: expect.stringMatching(/not allowed/),
    });
    expect(context.clock.slept).toEqual([]);
  });
});

describe('the spec file', () => {
  const fetch = (subdirectory?: string, spec?: string) =>
    fetchGit({ url: `${smart.url}/hello.git`, subdirectory, spec }, target, context);

  it.each([
    ['packaging', 'a.spec', 'packaging/a.spec'],
    ['packaging/', 'a', 'packaging/a.spec'],
    [undefined, './packaging/b.spec', 'packaging/b.spec'],
    ['./', undefined, 'hello.spec'],
  ])('in %s named %s is %s', async (subdirectory, spec, file) => {
    expect(await fetch(subdirectory, spec)).toEqual({ kind: 'spec', file });
  });

  it.each([
    ['packaging', undefined, /3 spec files in "packaging" \(a.spec, b.spec, link.spec\); set "spec"/],
    ['packaging', 'c', /"packaging\/c.spec" does not exist/],
    ['none', undefined, /subdirectory "none" does not exist/],
    ['hello.spec', undefined, /is not a directory/],
    ['../..', undefined, /without ".."/],
    ['/etc', undefined, /inside the repository/],
    ['outside', undefined, /leads out of the repository/],
    ['packaging', 'link', /leads out of the repository/],
    ['packaging', '../../x', /without ".."/],
  ])('in %s named %s is refused', async (subdirectory, spec, message) => {
    const attempt = fetch(subdirectory, spec);
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toBeInstanceOf(TerminalError);
  });
});
