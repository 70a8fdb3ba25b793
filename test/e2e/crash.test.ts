import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  apply,
  attempts,
  BUILDS_NAMESPACE,
  build,
  freshNamespace,
  getBuild,
  kubectl,
  link,
  packagesOf,
  project,
  succeeded,
  until,
} from './harness.ts';
import { freshOperators, LeaderKiller } from './leaders.ts';
import { isEmbedded, killApiServer, watchPhases } from './node.ts';

const NS = 'e2e-crash';
const CHROOT = 'pebble-13-x86_64';
const PROJECTS = ['one', 'two', 'three', 'four'];

/** Waits by asking: a watch would end with the API server. */
async function complete(name: string, seconds: number) {
  const ended = await until(
    `Build ${name} is complete`,
    () => getBuild(NS, name).catch(() => undefined),
    (object) => object?.status.conditions.some(({ type, status }) => type === 'Complete' && status === 'True') ?? false,
    seconds,
  );
  if (ended === undefined) throw new Error(`Build ${name} is gone`);
  return ended;
}

/** Nothing of these builds takes a place in a pool for ever. */
async function released(): Promise<void> {
  const path = 'jsonpath={range .items[*]}{.spec.chrootBuild.namespace}/{.spec.chrootBuild.name} {end}';
  await until(
    'the builders are given back',
    () => kubectl('-n', BUILDS_NAMESPACE, 'get', 'builders', '-o', path),
    (names) => !names.includes(`${NS}/`),
    60,
  );
}

describe('builds in the middle of a crash', () => {
  beforeAll(async () => {
    await freshNamespace(NS);
    await apply(...PROJECTS.map((name) => project(NS, name, { chroots: [CHROOT] })));
    const names = PROJECTS.map((name) => `project/${name}`);
    await kubectl('-n', NS, 'wait', '--for=condition=Ready', ...names, '--timeout=120s');
  }, 330_000);
  beforeEach(freshOperators, 200_000);
  // The tests after these find a quiet cluster, and operators that the kubelet lets start at once.
  afterAll(async () => {
    await kubectl('delete', 'namespace', NS, '--wait', '--timeout=180s');
    await freshOperators();
  }, 400_000);

  // Three builds share the phases: after a death it takes the next leader a while to look again, and the phase that
  // follows at once may be over by then.
  it.each([
    {
      name: 'one',
      file: 'slow-1.0-1',
      phases: ['source Waiting', 'source Importing', 'binary Running', 'binary Succeeded'],
    },
    {
      name: 'two',
      file: 'words-3.1-1',
      phases: ['source Starting', 'source Succeeded', 'binary Starting', 'binary Publishing'],
    },
    { name: 'three', file: 'words-3.1-1', phases: ['source Running', 'source Publishing', 'binary Waiting'] },
  ])('complete once although the operator is killed in $phases', async ({ name, file, phases }) => {
    const killer = new LeaderKiller();
    await killer.settled();
    const seen = new Set<string>();
    const end = new AbortController();
    const watching = watchPhases(NS, name, end.signal, (stage, phase) => {
      const what = `${stage} ${phase}`;
      if (!phases.includes(what) || seen.has(what)) return;
      seen.add(what);
      killer.strike();
    });
    try {
      await apply(build(NS, name, name, link(`${file}.src.rpm`)));
      expect(succeeded(await complete(name, 330))).toMatchObject({ status: 'True' });
      await killer.settled();
    } finally {
      end.abort();
      await watching.catch(() => undefined);
    }
    expect(killer.problems).toEqual([]);
    expect([...seen]).toEqual(phases);
    expect(killer.takeovers).toHaveLength(phases.length);
    expect(await attempts(NS, name)).toBe(`${CHROOT}=1 srpm-builds=1 `);
    expect(await packagesOf(NS, name, CHROOT)).toEqual(['noarch', 'src'].map((arch) => `${file}.pb13.${arch}`));
    await released();
  });

  it('complete once although the API server is killed', async () => {
    await apply(
      build(NS, 'slow', 'four', link('slow-1.0-1.src.rpm')),
      build(NS, 'words', 'four', link('words-3.1-1.src.rpm')),
    );
    await until(
      'the build runs',
      () => getBuild(NS, 'slow').catch(() => undefined),
      (object) => object?.status.chroots?.[0]?.state === 'running',
      240,
    );
    // Nobody can restart it from outside elsewhere: there the operator has to do without its connections.
    if (await isEmbedded()) await killApiServer();
    else new LeaderKiller().strike();
    const ids = new Set<number>();
    for (const name of ['slow', 'words']) {
      const ended = await complete(name, 300);
      expect(succeeded(ended)).toMatchObject({ status: 'True' });
      ids.add(ended.status.id);
      expect(await attempts(NS, name)).toBe(`${CHROOT}=1 srpm-builds=1 `);
    }
    expect(await packagesOf(NS, 'four', CHROOT)).toEqual([
      'slow-1.0-1.pb13.noarch',
      'slow-1.0-1.pb13.src',
      'words-3.1-1.pb13.noarch',
      'words-3.1-1.pb13.src',
    ]);
    expect(ids.size).toBe(2);
    await released();
  });
});
