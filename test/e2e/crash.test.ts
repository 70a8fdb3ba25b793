import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
    await apply(...['p', 'q'].map((name) => project(NS, name, { chroots: [CHROOT] })));
    await kubectl('-n', NS, 'wait', '--for=condition=Ready', 'project/p', 'project/q', '--timeout=120s');
  }, 330_000);
  afterAll(() => kubectl('delete', 'namespace', NS, '--wait=false'));

  it('complete once although the operator is killed in every phase', async () => {
    const phases = ['source Running', 'source Importing', 'binary Starting', 'binary Running', 'binary Publishing'];
    const killed = new Set<string>();
    const end = new AbortController();
    let busy = Promise.resolve();
    const watching = watchPhases(NS, 'slow', end.signal, (stage, phase) => {
      const what = `${stage} ${phase}`;
      if (!phases.includes(what) || killed.has(what)) return;
      killed.add(what);
      busy = busy
        .then(async () => killProgram(RELEASE_NAMESPACE, await leader()))
        .catch(() => void killed.delete(what));
    });
    try {
      await apply(build(NS, 'slow', 'p', { ...link('slow-1.0-1.src.rpm'), chroots: [CHROOT] }));
      const ended = await complete('slow', 330);
      expect(succeeded(ended)).toMatchObject({ status: 'True' });
    } finally {
      end.abort();
      await watching.catch(() => undefined);
      await busy;
    }
    // A phase may be over before anybody can see it; those that last have to be there.
    for (const phase of ['source Running', 'binary Running', 'binary Publishing']) expect([...killed]).toContain(phase);
    expect(await attempts(NS, 'slow')).toBe(`${CHROOT}=1 srpm-builds=1 `);
    expect(await packagesOf(NS, 'p', CHROOT)).toEqual(['slow-1.0-1.pb13.noarch', 'slow-1.0-1.pb13.src']);
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
