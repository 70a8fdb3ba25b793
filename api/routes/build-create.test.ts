import { describe, expect, it } from 'vitest';
import type { Build } from '../../crds/build.ts';
import { createLogger } from '../../lib/log.ts';
import type { ProjectView } from '../cluster/index.ts';
import { ApiError, forbidden, unavailable } from '../http/errors.ts';
import type { Services } from '../services.ts';
import { submit } from './build-create.ts';
import { gitSource, linkSources } from './build-create-sources.ts';

const view = {
  owner: 'alice',
  name: 'hello',
  fullName: 'alice/hello',
  project: { metadata: { name: 'hello', namespace: 'alice' }, spec: {} },
} as unknown as ProjectView;
const caller = { kind: 'user', id: 1, name: 'alice', isAdmin: false, groups: [], login: 'x' } as const;
const { signal } = new AbortController();

/** A cluster that takes so many builds and then answers with an error. */
function world(takes: number, error: Error): { services: Services; made: string[] } {
  const made: string[] = [];
  const cluster = {
    createBuild(draft: { spec: Build['spec'] }): Promise<Build> {
      if (made.length >= takes) return Promise.reject(error);
      made.push(draft.spec.source?.link?.url ?? '');
      const metadata = { name: `hello-${made.length}`, labels: { 'kopr.dev/id': String(made.length) } };
      return Promise.resolve({ metadata, spec: { ...draft.spec, project: 'hello' } } as unknown as Build);
    },
    chrootBuildsOf: () => [],
    packagesOf: () => [],
  };
  const config = { resultsURL: 'http://results.test/results' };
  return { services: { cluster, config, log: createLogger('api', 'fatal') } as unknown as Services, made };
}

const builds = ['a', 'b', 'c', 'd'].map((name) => {
  const url = `http://files.test/${name}.src.rpm`;
  return { spec: { source: { link: { url } }, background: false, cancelled: false }, what: url };
});

describe('submitting several builds', () => {
  it('gives all of them in their order', async () => {
    const { services } = world(9, new Error('never'));
    const made = await submit({ services, caller, signal }, view, builds);
    expect(made.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
  });

  it.each([
    [1, 'Builds 1 were submitted and go on. http://files.test/b.src.rpm and 2 more after it could not be submitted: '],
    [3, 'Builds 1, 2, 3 were submitted and go on. http://files.test/d.src.rpm could not be submitted: '],
  ])('of which %i are taken tells which, why not the others, and how to go on', async (takes, words) => {
    const { services, made } = world(takes, forbidden('exceeded quota: builds.'));
    const error = await submit({ services, caller, signal }, view, builds).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      status: 403,
      message: `${words}exceeded quota: builds. Submit only the rest again.`,
    });
    expect(made).toHaveLength(takes);
  });

  it('of which none is taken answers as one does', async () => {
    const { services } = world(0, unavailable('The cluster is away.'));
    await expect(submit({ services, caller, signal }, view, builds)).rejects.toMatchObject({
      status: 503,
      message: 'The cluster is away.',
      headers: { 'Retry-After': '5' },
    });
  });
});

describe('the source of a package that is edited', () => {
  const before = { url: 'https://git.test/x', committish: 'v1', subdirectory: 'a', spec: 'x.spec' };
  it.each([
    [{}, before],
    [{ committish: 'v2' }, { ...before, committish: 'v2' }],
    [{ subdirectory: '' }, { url: before.url, committish: 'v1', spec: 'x.spec' }],
    [{ subdirectory: './b/' }, { ...before, subdirectory: 'b' }],
    [{ clone_url: 'https://git.test/y' }, { ...before, url: 'https://git.test/y' }],
  ])('takes %j', (fields, git) => {
    expect(gitSource(fields, before)).toEqual({ source: { git } });
  });
});

describe('URLs of builds', () => {
  it('are all looked at before anything is made', () => {
    const urls = ['http://a.test/a.src.rpm', 'ftp://b.test/b.src.rpm', 'http://u:p@c.test/c.spec', 'http://d.test/d'];
    const result = linkSources(urls);
    expect('problems' in result && result.problems.pkgs).toEqual([
      expect.stringContaining('ftp://b.test/b.src.rpm must be an address'),
      expect.stringMatching(/^http:\/\/…@c\.test\/c\.spec must not hold a user name or password/),
      expect.stringContaining('http://d.test/d must name an SRPM'),
    ]);
  });
});
