import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { mintControlToken, mintSourceToken, mintTaskToken, tokenKey } from '../../lib/protocol/token.ts';
import { tokenOf } from './read-access.ts';
import { gitCommand, KEY, requestFor, startTestService, type TestService } from './testing/harness.ts';
import { makeSrpm } from './testing/srpm.ts';

const key = tokenKey(KEY);
const archive = Buffer.from('archive \0');
const md5 = createHash('md5').update(archive).digest('hex');
const own = 'demo/hello/hello';

let distgit: TestService;
let clones = 0;

beforeAll(async () => {
  distgit = await startTestService({ KOPR_PUBLIC_READS: 'false' });
  const srpm = await distgit.files.addFile(
    await makeSrpm(distgit.dir, { name: 'hello', sources: { 'a.zip': archive } }),
  );
  await distgit.imported(requestFor(srpm));
  await distgit.imported(requestFor(srpm, { project: 'other' }));
});

afterAll(async () => distgit.stop());

const source = (repo = own, seconds = 60, withKey = key): Promise<string> =>
  mintSourceToken(withKey, { repo }, seconds, systemClock);
const bearer = (token: string): string => `Bearer ${token}`;
const basic = (token: string): string => `Basic ${Buffer.from(`build:${token}`).toString('base64')}`;

/** Each with the status that reading demo/hello/hello gets. */
const headers: [string, () => Promise<string>, number][] = [
  ['its source token', async () => bearer(await source()), 200],
  ['its source token as a password', async () => basic(await source()), 200],
  ['nothing', async () => '', 401],
  ['garbage', async () => 'Bearer x.y.z', 401],
  ['a token of another project', async () => bearer(await source('demo/other/hello')), 403],
  ['a token of another package', async () => bearer(await source('demo/hello/hell')), 403],
  ['a token of another key', async () => bearer(await source(own, 60, tokenKey(Buffer.alloc(32, 9)))), 401],
  ['an expired token', async () => bearer(await source(own, -120)), 401],
  ['a task token', async () => bearer(await mintTaskToken(key, { task: 'a.1', dir: own }, 60, systemClock)), 401],
  ['a control token', async () => bearer(await mintControlToken(key, own, 'distgit', systemClock)), 401],
];

function clone(repo: string, authorization: string): Promise<string> {
  const target = join(distgit.dir, `clone-${++clones}`);
  const extra = authorization === '' ? [] : ['-c', `http.extraHeader=Authorization: ${authorization}`];
  return gitCommand(...extra, 'clone', '--quiet', `${distgit.base}/git/${repo}`, target).then(() => target);
}

describe('a build with', () => {
  it.each(headers)('%s gets what it may of git', async (_what, authorization, status) => {
    const cloned = clone(own, await authorization());
    if (status === 200) expect(await readdir(await cloned)).toContain('hello.spec');
    else await expect(cloned).rejects.toThrow(status === 401 ? /could not read Username|Authentication failed/ : /403/);
  });

  it.each(headers)('%s gets what it may of the lookaside cache', async (_what, authorization, status) => {
    const url = `${distgit.base}/repo/pkgs/${own}/a.zip/md5/${md5}/a.zip`;
    const answer = await fetch(url, { headers: { authorization: await authorization() } });
    expect(answer.status).toBe(status);
    const challenge = answer.headers.get('www-authenticate');
    expect(challenge).toBe(status === 401 ? 'Bearer realm="kopr distgit", Basic realm="kopr distgit"' : null);
    if (status === 200) expect(answer.headers.get('cache-control')).toMatch(/^private, /);
    if (status === 401) expect(await answer.text()).toBe(`reading ${own} takes a valid source token for it\n`);
    if (status === 403) expect(await answer.text()).toMatch(/^this source token is for demo\/.*, not for demo\/hello/);
  });

  it('its own token in the URL, as git hands it on, clones', async () => {
    const url = `${distgit.base.replace('://', `://build:${await source()}@`)}/git/${own}`;
    expect(await gitCommand('ls-remote', url, 'pebble-13')).toMatch(/refs\/heads\/pebble-13$/);
  });

  it('its own token does not learn which other packages there are', async () => {
    const authorization = bearer(await source());
    for (const kind of ['git', 'repo/pkgs']) {
      const answers = ['demo/other/hello', 'demo/none/hello'].map(async (repo) => {
        const rest = kind === 'git' ? 'info/refs?service=git-upload-pack' : `a.zip/md5/${md5}/a.zip`;
        const answer = await fetch(`${distgit.base}/${kind}/${repo}/${rest}`, { headers: { authorization } });
        return [answer.status, (await answer.text()).replace(repo, '')];
      });
      const [there, missing] = await Promise.all(answers);
      expect(there).toEqual(missing);
      expect(there?.[0]).toBe(403);
    }
  });

  it('a direct request to git upload-pack and no token is turned away', async () => {
    const url = `${distgit.base}/git/${own}/git-upload-pack`;
    expect((await fetch(url, { method: 'POST', body: '0000' })).status).toBe(401);
  });
});

describe('import logs', () => {
  it.each<[string, () => Promise<string>, number]>([
    ['a control token of distgit', () => mintControlToken(key, 'operator', 'distgit', systemClock), 200],
    ['a control token of publisher', () => mintControlToken(key, 'operator', 'publisher', systemClock), 401],
    ['a source token', () => source(), 401],
    ['nothing', async () => '', 401],
  ])('with %s', async (_what, token, status) => {
    const answer = await fetch(`${distgit.base}/per-task-logs/1.log`, {
      headers: { authorization: bearer(await token()) },
    });
    expect(answer.status).toBe(status);
  });
});

describe('the page at /', () => {
  it('is for everybody', async () => {
    expect((await fetch(`${distgit.base}/`)).status).toBe(200);
  });
});

describe('an authorization header', () => {
  it.each([
    [undefined, ''],
    ['', ''],
    ['Bearer', ''],
    ['Bearer a.b-c_d', 'a.b-c_d'],
    ['bearer  x', 'x'],
    ['Bearer a b', ''],
    [`Basic ${Buffer.from('me:a:b').toString('base64')}`, 'a:b'],
    [`basic ${Buffer.from('nobody').toString('base64')}`, ''],
    ['Digest x', ''],
  ])('of %j has the token %j', (header, token) => {
    expect(tokenOf(header)).toBe(token);
  });
});
