import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  apply,
  applyAs,
  BUILDS_NAMESPACE,
  build,
  freshNamespace,
  kubectl,
  kubectlError,
  link,
  pathOf,
  project,
  RELEASE_NAMESPACE,
  results,
  succeeded,
  until,
  waitComplete,
} from './harness.ts';
import { type InsideRequest, statusesFromInside } from './pods.ts';

const NS = 'e2e-isolation';
/** Its names are known to the hostile package. */
const VICTIM = 'e2e-isolation-victim';
const CHROOTS = ['pebble-13-x86_64', 'pebble-12-i386'];
const PUBLISHER = `http://kopr-publisher.${RELEASE_NAMESPACE}.svc.cluster.local:5012/v1`;

const first = 'e2e-first';
const second = 'e2e-second';

// Long before it is looked at: a Build waits two minutes for a project that is not there.
beforeAll(async () => {
  await Promise.all([freshNamespace(first), freshNamespace(second)]);
  await kubectl('-n', second, 'create', 'serviceaccount', 'editor');
  await kubectl(
    '-n',
    second,
    'create',
    'rolebinding',
    'editor',
    '--clusterrole=edit',
    `--serviceaccount=${second}:editor`,
  );
  await kubectl(
    '-n',
    second,
    'create',
    'role',
    'stages',
    '--verb=create,get,update,patch',
    '--resource=chrootbuilds.kopr.dev',
  );
  await kubectl('-n', second, 'create', 'rolebinding', 'stages', '--role=stages', `--serviceaccount=${second}:maker`);
  await apply(project(first, 'p', { chroots: ['pebble-13-x86_64'] }));
  await apply(build(second, 'foreign', 'p', link('words-3.1-1.src.rpm')));
}, 420_000);
afterAll(() => kubectl('delete', 'namespace', first, second, '--wait=false'));

describe('a build that means harm', () => {
  beforeAll(async () => {
    await Promise.all([freshNamespace(NS), freshNamespace(VICTIM)]);
    await apply(
      project(VICTIM, 'victim', { chroots: ['pebble-13-x86_64'] }),
      build(VICTIM, 'hello', 'victim', link('hello-2.12-1.src.rpm')),
      project(NS, 'p', { options: { network: true } }),
    );
    expect(succeeded(await waitComplete(VICTIM, 'hello', 240)).status).toBe('True');
    await apply(build(NS, 'hostile', 'p', link('hostile-1.0-1.src.rpm')));
    await waitComplete(NS, 'hostile', 300);
  }, 700_000);
  afterAll(() => kubectl('delete', 'namespace', NS, VICTIM, '--wait=false'));

  it.each(CHROOTS)('gets nothing out of the cluster from %s, although it has a network', async (chroot) => {
    const ended = await waitComplete(NS, 'hostile', 300);
    const one = ended.status.chroots?.find(({ name }) => name === chroot);
    const log = await results(`${pathOf(one?.resultsURL ?? '')}builder-live.log`);
    const possible = log.split('\n').filter((line) => line.includes('<- POSSIBLE'));
    expect(possible).toEqual([]);
    // The log shows that it was tried, at each of the three times.
    for (const when of ['parse', 'buildrequires', 'build']) expect(log).toContain(`possible: ${when}=nothing`);
    expect(one?.state).toBe('succeeded');
  });

  it('leaves the other project as it was', async () => {
    expect(await results(`results/${VICTIM}/victim/pebble-13-x86_64/repodata/repomd.xml`)).toContain('<repomd');
  });
});

describe('the token of a build', () => {
  const ns = 'e2e-token';

  /** What a stranger could try with the token of a running build, and the right answers. */
  function tokenUses(own: string, other: string): (InsideRequest & { what: string; status: string })[] {
    const uses: [string, InsideRequest['method'], string, string][] = [
      // The token is taken; what is refused is a piece of the log with nothing before it.
      ['own log, far beyond its end', 'POST', `/tasks/${own}/log/builder-live.log?offset=1000000000`, '409'],
      ['log of another task', 'POST', `/tasks/${other}/log/builder-live.log?offset=0`, '403'],
      ['file of another task', 'PUT', `/tasks/${other}/files/a.log`, '403'],
      ['end of another task', 'POST', `/tasks/${other}/complete`, '403'],
      // The directory of results is named by the operator alone, and so is all else of the control API.
      ['state of the own task', 'GET', `/tasks/${own}`, '401'],
      ['publication of the own task', 'PUT', `/publications/${own}`, '401'],
      ['publication of another task', 'PUT', `/publications/${other}`, '401'],
      ['giving up another task', 'DELETE', `/tasks/${other}`, '401'],
      ['set-up of another project', 'PUT', `/projects/${VICTIM}/victim`, '401'],
      ['deletion of another project', 'DELETE', `/projects/${VICTIM}/victim`, '401'],
    ];
    return uses.map(([what, method, path, status]) => ({ what, method, url: `${PUBLISHER}${path}`, status }));
  }

  beforeAll(async () => {
    await freshNamespace(ns);
    await apply(project(ns, 'p', { chroots: ['pebble-13-x86_64'] }));
    await kubectl('-n', ns, 'wait', '--for=condition=Ready', 'project/p', '--timeout=120s');
  }, 330_000);
  afterAll(() => kubectl('delete', 'namespace', ns, '--wait=false'));

  it('opens its own task alone while the build runs, and nothing once it has ended', async () => {
    await apply(build(ns, 'slow', 'p', link('slow-1.0-1.src.rpm')));
    const stage = 'slow.pebble-13-x86-64';
    const builder = await until(
      'the build runs',
      () =>
        kubectl(
          '-n',
          ns,
          'get',
          'chrootbuild',
          stage,
          '--ignore-not-found',
          '-o',
          'jsonpath={.status.phase} {.status.builder}',
        ),
      (text) => text.startsWith('Running builder-'),
      240,
    );
    const secret = builder.split(' ')[1] ?? '';
    const encoded = await kubectl('-n', BUILDS_NAMESPACE, 'get', 'secret', secret, '-o', 'jsonpath={.data.token}');
    const token = Buffer.from(encoded, 'base64').toString();
    const uid = await kubectl('-n', ns, 'get', 'chrootbuild', stage, '-o', 'jsonpath={.metadata.uid}');
    expect(token.split('.')).toHaveLength(3);

    const source = await kubectl(
      '-n',
      ns,
      'get',
      'chrootbuilds',
      '-l',
      'kopr.dev/build=slow',
      '-o',
      'jsonpath={.items[?(@.spec.stage=="source")].metadata.uid}',
    );
    expect(source).toMatch(/^[0-9a-f-]{36}$/);
    const uses = tokenUses(`${uid}.1`, `${source}.1`);
    const statuses = await statusesFromInside(ns, 'while-it-runs', uses, token);
    expect(statuses.map((status, n) => [uses[n]?.what, status])).toEqual(
      uses.map(({ what, status }) => [what, status]),
    );
    // Otherwise the refusals would be those of a task that has ended.
    expect(await kubectl('-n', ns, 'get', 'chrootbuild', stage, '-o', 'jsonpath={.status.phase}')).toBe('Running');

    const ended = await waitComplete(ns, 'slow', 240);
    expect(succeeded(ended).status).toBe('True');
    const late: InsideRequest = { method: 'POST', url: `${PUBLISHER}/tasks/${uid}.1/log/builder-live.log?offset=0` };
    expect((await statusesFromInside(ns, 'after-its-end', [late], token))[0]).toMatch(/^(401|403|409|410)$/);
    const left = await kubectl('-n', BUILDS_NAMESPACE, 'get', 'secret', secret, '--ignore-not-found', '-o', 'name');
    expect(left).toBe('');
  }, 600_000);
});

describe('a second namespace', () => {
  const account = `--as=system:serviceaccount:${second}:editor`;

  it.each(['projects', 'packages', 'builds', 'chrootbuilds', 'buildertickets'])(
    'has no way to %s of the first one',
    async (kind) => {
      for (const verb of ['get', 'create', 'patch', 'delete']) {
        const answer = await kubectlError('auth', 'can-i', verb, `${kind}.kopr.dev`, '-n', first, account);
        expect(`${verb} ${answer}`).toMatch(new RegExp(`^${verb} no`));
      }
    },
  );

  it('may build in its own projects, but not make stages itself', async () => {
    expect(await kubectl('auth', 'can-i', 'create', 'builds.kopr.dev', '-n', second, account)).toMatch(/^yes/);
    expect(await kubectlError('auth', 'can-i', 'create', 'chrootbuilds.kopr.dev', '-n', second, account)).toMatch(
      /^no/,
    );
  });

  it('cannot pretend to be the first one with a stage of its own making', async () => {
    const stage = {
      apiVersion: 'kopr.dev/v1alpha1',
      kind: 'ChrootBuild',
      metadata: { name: 'forged', namespace: second },
      spec: {
        build: 'foreign',
        buildID: 1,
        chroot: 'pebble-13-x86_64',
        owner: first,
        project: 'p',
        stage: 'source',
        timeoutSeconds: 3600,
        source: { link: { url: 'http://files.example/words-3.1-1.src.rpm' } },
      },
    };
    const as = (name: string): Promise<void> => applyAs(`system:serviceaccount:${second}:${name}`, stage);
    await expect(as('editor')).rejects.toThrow(/cannot create resource "chrootbuilds"/);
    // RBAC lets this one: an administrator of the namespace has made a role for it.
    await expect(as('maker')).rejects.toThrow(
      /ChrootBuilds are made and changed by the kopr operator .*; apply a Build/,
    );
  });

  it('finds no project of the first one by its name', async () => {
    const ended = await waitComplete(second, 'foreign', 240);
    expect(succeeded(ended)).toMatchObject({ status: 'False', reason: 'ProjectNotFound' });
  });
});
