import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  apply,
  attempts,
  BUILDS_NAMESPACE,
  build,
  freshNamespace,
  getBuild,
  kubectl,
  link,
  pathOf,
  project,
  RELEASE_NAMESPACE,
  results,
  succeeded,
  until,
  waitComplete,
} from './harness.ts';

const NS = 'e2e-faults';
const CHROOT = 'pebble-13-x86_64';

async function startSlow(name: string): Promise<void> {
  await apply(build(NS, name, 'p', { ...link('slow-1.0-1.src.rpm'), chroots: [CHROOT] }));
}

async function untilState(name: string, state: string): Promise<void> {
  await until(
    `Build ${name} is ${state}`,
    () => getBuild(NS, name).catch(() => undefined),
    (b) => b?.status.chroots?.[0]?.state === state,
    240,
  );
}

/** kill -9: no grace, no chance to say good-bye. */
async function kill(namespace: string, pod: string): Promise<void> {
  await kubectl('-n', namespace, 'delete', 'pod', pod, '--grace-period=0', '--force', '--wait=false');
}

describe('a running build', () => {
  beforeAll(async () => {
    await freshNamespace(NS);
    await apply(project(NS, 'p', { chroots: [CHROOT] }));
    await kubectl('-n', NS, 'wait', '--for=condition=Ready', 'project/p', '--timeout=120s');
  }, 330_000);
  afterAll(() => kubectl('delete', 'namespace', NS, '--wait=false'));

  it('survives the death of the publisher, and its log has no hole', async () => {
    await startSlow('publisher-killed');
    await untilState('publisher-killed', 'running');
    await kill(RELEASE_NAMESPACE, 'kopr-publisher-0');
    const ended = await waitComplete(NS, 'publisher-killed', 300);
    expect(succeeded(ended)).toMatchObject({ status: 'True' });
    const path = pathOf(ended.status.chroots?.[0]?.resultsURL ?? '');
    const log = await until(
      'the log is served',
      () => results(`${path}builder-live.log`).catch(() => ''),
      (text) => text !== '',
      60,
    );
    // Every line once and in order, although the publisher died between them.
    const said = log.split('\n').filter((line) => line.startsWith('still building'));
    expect(said).toEqual(Array.from({ length: 20 }, (_, index) => `still building: second ${index + 1}`));
  });

  it('survives the death of distgit and keygen', async () => {
    await startSlow('services-killed');
    await kill(RELEASE_NAMESPACE, 'kopr-distgit-0');
    await kill(RELEASE_NAMESPACE, 'kopr-keygen-0');
    expect(succeeded(await waitComplete(NS, 'services-killed', 300))).toMatchObject({ status: 'True' });
  });

  it('gets another builder when its own is lost', async () => {
    await startSlow('builder-lost');
    await untilState('builder-lost', 'running');
    const path = '{range .items[*]}{.metadata.name} {.metadata.annotations.kopr\\.dev/chrootbuild}{"\\n"}{end}';
    const pods = await kubectl('-n', BUILDS_NAMESPACE, 'get', 'pods', '-o', `jsonpath=${path}`);
    const pod = pods
      .split('\n')
      .find((line) => line.endsWith(` ${NS}/builder-lost.pebble-13-x86-64`))
      ?.split(' ')[0];
    expect(pod).toBeDefined();
    await kill(BUILDS_NAMESPACE, pod ?? '');
    const ended = await waitComplete(NS, 'builder-lost', 300);
    expect(succeeded(ended)).toMatchObject({ status: 'True' });
    expect(await attempts(NS, 'builder-lost')).toBe(`${CHROOT}=2 srpm-builds=1 `);
  });
});

describe('the end of things', () => {
  it('removes finished builds when their time is over, and keeps their packages', async () => {
    const ns = await freshNamespace('e2e-retention');
    await apply(project(ns, 'p', { chroots: [CHROOT], retention: { ttlSecondsAfterFinished: 1, keepLast: 0 } }));
    await apply(build(ns, 'words', 'p', link('words-3.1-1.src.rpm')));
    const gone = () =>
      kubectl('-n', ns, 'get', 'builds,chrootbuilds,buildertickets', '--ignore-not-found', '-o', 'name');
    await until(
      'the build has published',
      () => kubectl('-n', ns, 'get', 'project', 'p', '-o', 'jsonpath={.status.chroots[0].packages}'),
      (n) => Number(n) > 0,
      240,
    );
    await until('the build is gone', gone, (names) => names === '', 60);
    expect(await results(`results/${ns}/p/${CHROOT}/repodata/repomd.xml`)).toContain('<repomd');
    await kubectl('-n', ns, 'delete', 'project', 'p', '--timeout=90s');
    await expect(results(`results/${ns}/p/${CHROOT}/repodata/repomd.xml`)).rejects.toThrow(/NotFound|not found|404/i);
    await kubectl('delete', 'namespace', ns, '--wait=false');
  }, 400_000);
});
