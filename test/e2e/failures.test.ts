import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BuildObject } from './harness.ts';
import {
  apply,
  build,
  freshNamespace,
  getProject,
  kubectl,
  link,
  packagesOf,
  pathOf,
  project,
  results,
  succeeded,
  until,
  waitComplete,
} from './harness.ts';
import { deafServer, silentServer } from './pods.ts';

const NS = 'e2e-failures';
const CHROOT = 'pebble-13-x86_64';
const at = (url: string): object => ({ source: { link: { url } } });

/** `seconds`: the deadline, counted from the moment at which all are applied, on a machine that builds three at a time. */
const CASES = [
  { name: 'broken-spec', spec: link('specs/invalid.spec'), says: /spec|line|tag/i, log: 'source', seconds: 240 },
  { name: 'broken', spec: link('broken-1.0-1.src.rpm'), says: /broken\.c|%build/, log: 'chroot', seconds: 240 },
  {
    name: 'missing-requires',
    spec: link('missing-requires-1.0-1.src.rpm'),
    says: /BuildRequires kopr-no-such-package-devel/,
    log: 'chroot',
    seconds: 240,
  },
  { name: 'not-found', spec: link('no-such-1.0-1.src.rpm'), says: /404/, log: 'source', seconds: 240 },
  {
    name: 'refused',
    spec: at('http://files.example:81/x-1-1.src.rpm'),
    says: /http:\/\/files\.example:81\/x-1-1\.src\.rpm could not be fetched/,
    log: 'source',
    seconds: 300,
  },
  {
    name: 'no-host',
    spec: at('http://nobody.invalid/x-1-1.src.rpm'),
    says: /nobody\.invalid/,
    log: 'source',
    seconds: 300,
  },
  {
    name: 'silent',
    spec: { ...at(`http://silent.${NS}.svc.cluster.local/x-1-1.src.rpm`), timeoutSeconds: 60 },
    says: /silent|limit of 60 s/,
    log: 'source',
    seconds: 360,
  },
  {
    name: 'deaf',
    spec: { ...at(`http://deaf.${NS}.svc.cluster.local/x-1-1.src.rpm`), timeoutSeconds: 60 },
    says: /deaf|limit of 60 s/,
    log: 'source',
    seconds: 360,
  },
  { name: 'not-an-srpm', spec: link('not-an-srpm-1.0-1.src.rpm'), says: /rpm/i, log: 'source', seconds: 240 },
  {
    name: 'no-chroot',
    spec: { ...link('words-3.1-1.src.rpm'), chroots: ['no-such-distribution-1-x86_64'] },
    says: /no-such-distribution-1-x86_64/,
    seconds: 60,
  },
  { name: 'no-project', spec: link('words-3.1-1.src.rpm'), project: 'nowhere', says: /nowhere/, seconds: 240 },
] as const;

describe('a Build that cannot succeed', () => {
  const ended = new Map<string, BuildObject>();
  const took = new Map<string, number>();
  let before = { generation: 0, packages: [] as string[] };

  async function repository(): Promise<typeof before> {
    const { generation = 0 } = (await getProject(NS, 'p')).status.chroots[0] ?? {};
    return { generation, packages: await packagesOf(NS, 'p', CHROOT) };
  }

  beforeAll(async () => {
    await freshNamespace(NS);
    await apply(
      project(NS, 'p', { chroots: [CHROOT] }),
      ...(await silentServer(NS, 'silent')),
      ...(await deafServer(NS, 'deaf')),
    );
    await kubectl('-n', NS, 'wait', '--for=condition=Ready', 'project/p', '--timeout=120s');
    await apply(build(NS, 'good', 'p', link('words-3.1-1.src.rpm')));
    await waitComplete(NS, 'good', 180);
    await kubectl('-n', NS, 'wait', '--for=condition=Ready', 'pod/silent', '--timeout=60s');
    await until(
      'a server drops all connections',
      () => kubectl('-n', NS, 'logs', 'deaf'),
      (log) => log.includes('deaf'),
    );
    before = await repository();
    const start = performance.now();
    await apply(...CASES.map((one) => build(NS, one.name, 'project' in one ? one.project : 'p', one.spec)));
    await Promise.all(
      CASES.map(async ({ name }) => {
        ended.set(name, await waitComplete(NS, name, 400));
        took.set(name, (performance.now() - start) / 1000);
      }),
    );
  }, 720_000);
  afterAll(() => kubectl('delete', 'namespace', NS, '--wait=false'));

  it.each(CASES)('($name) ends in time as failed, with a reason and a sentence that says what to do', (one) => {
    const verdict = succeeded(ended.get(one.name) as BuildObject);
    expect(verdict.status).toBe('False');
    expect(verdict.reason).toMatch(/^[A-Z][A-Za-z]+$/);
    expect(verdict.reason).not.toMatch(/Internal|Unknown|Infrastructure/);
    expect(verdict.message).toMatch(one.says);
    expect(took.get(one.name)).toBeLessThan(one.seconds);
  });

  it.each(CASES.filter((one) => 'log' in one))('($name) keeps its log and links it', async ({ name, log }) => {
    const { status } = ended.get(name) as BuildObject;
    const url = log === 'source' ? status.source?.resultsURL : status.chroots?.[0]?.resultsURL;
    expect(url).toMatch(/^http/);
    const path = pathOf(url ?? '');
    expect(await results(`${path}builder-live.log`)).toMatch(/kopr: /);
    expect(await results(path)).not.toContain('.rpm"');
  });

  it('leaves the repository as it was', async () => {
    expect(before.packages).toEqual(['words-3.1-1.pb13.noarch', 'words-3.1-1.pb13.src']);
    expect(await repository()).toEqual(before);
  });
});
