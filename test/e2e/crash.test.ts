import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  apply,
  attempts,
  build,
  freshNamespace,
  getBuild,
  kubectl,
  leader,
  link,
  packagesOf,
  project,
  RELEASE_NAMESPACE,
  succeeded,
  until,
} from './harness.ts';
import { isEmbedded, killApiServer, killProgram, watchPhases } from './node.ts';

const NS = 'e2e-crash';
const CHROOT = 'pebble-13-x86_64';

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

describe('builds in the middle of a crash', () => {
  beforeAll(async () => {
    await freshNamespace(NS);
    await apply(...['slow', 'words', 'q'].map((name) => project(NS, name, { chroots: [CHROOT] })));
    await kubectl(
      '-n',
      NS,
      'wait',
      '--for=condition=Ready',
      'project/slow',
      'project/words',
      'project/q',
      '--timeout=120s',
    );
  }, 330_000);
  /** The kubelet makes a program that dies often wait for minutes; new pods start without that debt. */
  beforeEach(async () => {
    await kubectl('-n', RELEASE_NAMESPACE, 'rollout', 'restart', 'deployment/kopr-operator');
    await kubectl('-n', RELEASE_NAMESPACE, 'rollout', 'status', 'deployment/kopr-operator', '--timeout=120s');
    // Those that still end show when they were told to.
    const path = 'jsonpath={range .items[*]}{.metadata.name} {.metadata.deletionTimestamp}{"\\n"}{end}';
    const label = 'app.kubernetes.io/component=operator';
    const lines = await kubectl('-n', RELEASE_NAMESPACE, 'get', 'pods', '-l', label, '-o', path);
    const pods = lines.split('\n').flatMap((line) => /^(\S+) $/.exec(line)?.[1] ?? []);
    await until(
      'one of the new pods leads',
      // A leader that ends in good order leaves the Lease without a holder.
      async () => (await leader()) || 'nobody',
      (name) => pods.includes(name),
      60,
    );
    await kubectl('-n', NS, 'delete', 'builds', '--all', '--wait', '--timeout=60s');
  }, 150_000);
  afterAll(() => kubectl('delete', 'namespace', NS, '--wait=false'));

  // Two builds share the phases: after a death it takes the next leader a while to look again, and the phase that
  // follows at once may be over by then.
  it.each([
    { file: 'slow', version: '1.0', phases: ['source Running', 'source Importing', 'binary Running'] },
    { file: 'words', version: '3.1', phases: ['source Starting', 'binary Starting', 'binary Publishing'] },
  ])('complete once although the operator is killed in $phases', async ({ file, version, phases }) => {
    const name = `${file}-1`;
    const killed = new Set<string>();
    const problems: unknown[] = [];
    const end = new AbortController();
    let busy = Promise.resolve();
    const watching = watchPhases(NS, name, end.signal, (stage, phase) => {
      const what = `${stage} ${phase}`;
      if (!phases.includes(what) || killed.has(what)) return;
      killed.add(what);
      busy = busy
        .then(async () => killProgram(RELEASE_NAMESPACE, await leader()))
        .catch((error) => void problems.push(error));
    });
    try {
      await apply(build(NS, name, file, link(`${file}-${version}-1.src.rpm`)));
      expect(succeeded(await complete(name, 330))).toMatchObject({ status: 'True' });
    } finally {
      end.abort();
      await watching.catch(() => undefined);
      await busy;
    }
    expect(problems).toEqual([]);
    expect([...killed].sort()).toEqual([...phases].sort());
    expect(await attempts(NS, name)).toBe(`${CHROOT}=1 srpm-builds=1 `);
    expect(await packagesOf(NS, file, CHROOT)).toEqual(
      ['noarch', 'src'].map((arch) => `${file}-${version}-1.pb13.${arch}`),
    );
  });

  it('complete once although the API server is killed', async () => {
    await apply(
      build(NS, 'slow-2', 'q', link('slow-1.0-1.src.rpm')),
      build(NS, 'words', 'q', link('words-3.1-1.src.rpm')),
    );
    await until(
      'the build runs',
      () => getBuild(NS, 'slow-2').catch(() => undefined),
      (object) => object?.status.chroots?.[0]?.state === 'running',
      240,
    );
    // Nobody can restart it from outside elsewhere: there the operator has to do without its connections.
    if (await isEmbedded()) await killApiServer();
    else await killProgram(RELEASE_NAMESPACE, await leader());
    const ids = new Set<number>();
    for (const name of ['slow-2', 'words']) {
      const ended = await complete(name, 300);
      expect(succeeded(ended)).toMatchObject({ status: 'True' });
      ids.add(ended.status.id);
      expect(await attempts(NS, name)).toBe(`${CHROOT}=1 srpm-builds=1 `);
    }
    expect(await packagesOf(NS, 'q', CHROOT)).toEqual([
      'slow-1.0-1.pb13.noarch',
      'slow-1.0-1.pb13.src',
      'words-3.1-1.pb13.noarch',
      'words-3.1-1.pb13.src',
    ]);
    expect(ids.size).toBe(2);
  });
});
