import { describe, expect, it } from 'vitest';
import type { Build } from '../../crds/build.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import type { CoprState } from '../../crds/common.ts';
import type { Project } from '../../crds/project.ts';
import { recordOf } from '../archive/row.ts';
import { liveChroots, liveMonitorRows, liveRow } from './live.ts';

const RESULTS = 'http://results.test/results';
const URL_OF_SRPM = 'http://files.test/hello.src.rpm';

const project = {
  metadata: { name: 'hello', namespace: 'alice', uid: 'uid-hello', labels: { 'kopr.dev/id': '1' } },
  spec: { chroots: ['fedora-43-x86_64'] },
  status: { owner: 'alice' },
} as unknown as Project;

interface Given {
  spec?: Partial<Build['spec']>;
  status?: Partial<NonNullable<Build['status']>>;
  over?: boolean;
}

function aBuild({ spec = {}, status, over = false }: Given = {}): Build {
  const conditions = [
    { type: 'Complete', status: over ? 'True' : 'False', lastTransitionTime: '2026-01-02T03:10:00Z' },
  ];
  return {
    apiVersion: 'kopr.dev/v1alpha1',
    kind: 'Build',
    metadata: {
      name: 'hello-7',
      namespace: 'alice',
      uid: 'uid-7',
      labels: { 'kopr.dev/id': '7' },
      creationTimestamp: '2026-01-02T03:00:00Z',
      annotations: { 'kopr.dev/submitter': 'alice' },
    },
    spec: { project: 'hello', source: { link: { url: URL_OF_SRPM } }, background: false, cancelled: false, ...spec },
    ...(status === undefined ? {} : { status: { id: 7, conditions, ...status } }),
  } as Build;
}

function aStage(chroot: string, state: CoprState, more: Partial<NonNullable<ChrootBuild['status']>> = {}): ChrootBuild {
  const stage = chroot === 'srpm-builds' ? 'source' : 'binary';
  return {
    metadata: { name: `hello-7-${chroot}`, namespace: 'alice' },
    spec: { build: 'hello-7', buildID: 7, project: 'hello', owner: 'alice', stage, chroot },
    status: { state, resultsURL: `${RESULTS}/alice/hello/${chroot}/00000007-hello/`, ...more },
  } as ChrootBuild;
}

const row = (build: Build, stages: readonly ChrootBuild[] = []) => liveRow(build, stages, project, RESULTS);

describe('a build that the cluster has', () => {
  it('is the same as it will be in the record, once it has ended', () => {
    const stages = [
      aStage('srpm-builds', 'succeeded', { startedAt: '2026-01-02T03:01:00Z', finishedAt: '2026-01-02T03:02:00Z' }),
      aStage('fedora-43-x86_64', 'failed', { startedAt: '2026-01-02T03:04:00Z', finishedAt: '2026-01-02T03:05:00Z' }),
      aStage('fedora-42-x86_64', 'succeeded', {
        startedAt: '2026-01-02T03:03:00Z',
        finishedAt: '2026-01-02T03:08:00Z',
      }),
    ];
    const chroots = [
      { name: 'fedora-43-x86_64', state: 'failed' as const, reason: 'BuildFailed' },
      { name: 'fedora-42-x86_64', state: 'succeeded' as const },
      { name: 'fedora-41-x86_64', state: 'skipped' as const, message: 'ExcludeArch has x86_64' },
    ];
    const source = { resultsURL: `${RESULTS}/alice/hello/srpm-builds/00000007/`, srpm: 'hello-1-1~rc^2.src.rpm' };
    const status = { state: 'failed' as const, package: 'hello', version: '1-1', chroots, source };
    const build = aBuild({ over: true, status, spec: { directory: 'pr:1', background: true } });
    const recorded = recordOf(build, stages, project);
    expect({ ...row(build, stages), projectUID: undefined }).toEqual({ ...recorded?.build, projectUID: undefined });
    const shown = liveChroots(build, stages);
    const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
    expect(shown.map((one) => ({ ...one, build: undefined })).sort(byName)).toEqual(
      recorded?.chroots.map((one) => ({ ...one, packages: undefined })).sort(byName),
    );
    expect(shown.map(({ name }) => name)).toEqual([
      'srpm-builds',
      'fedora-41-x86_64',
      'fedora-42-x86_64',
      'fedora-43-x86_64',
    ]);
  });

  it.each<[string, Given, CoprState]>([
    ['nobody has looked at', {}, 'pending'],
    ['waits for a batch', { status: { state: 'waiting' } }, 'pending'],
    ['runs', { status: { state: 'running' } }, 'running'],
    ['is cancelled while it runs', { status: { state: 'running' }, spec: { cancelled: true } }, 'canceled'],
    ['is cancelled before anything', { spec: { cancelled: true } }, 'canceled'],
    ['was cancelled too late', { status: { state: 'succeeded' }, spec: { cancelled: true }, over: true }, 'succeeded'],
  ])('that %s has the state that follows', (_what, given, state) => {
    expect(row(aBuild(given))?.state).toBe(state);
  });

  it('without a number is not shown', () => {
    const build = aBuild();
    expect(row({ ...build, metadata: { ...build.metadata, labels: {} } })).toBeUndefined();
  });

  it.each<[string, Build['spec']['source'], string | null]>([
    ['of an SRPM', { link: { url: URL_OF_SRPM } }, URL_OF_SRPM],
    ['of an SRPM behind a query', { link: { url: `${URL_OF_SRPM}?x=1` } }, `${URL_OF_SRPM}?x=1`],
    ['of a spec file', { link: { url: 'http://files.test/hello.spec' } }, null],
    ['of a repository', { git: { url: 'http://git.test/hello' } }, null],
    [
      'of an upload',
      { upload: { id: 'a'.repeat(32), name: 'hello.src.rpm', sha256: '', size: 1 } },
      `http://results.test/tmp/${'a'.repeat(32)}/hello.src.rpm`,
    ],
    ['of an uploaded spec file', { upload: { id: 'a'.repeat(32), name: 'hello.spec', sha256: '', size: 1 } }, null],
  ])('%s has the address of its SRPM before it is built', (_what, source, url) => {
    expect(row(aBuild({ spec: { source } }))?.srpmURL).toBe(url);
  });

  it('shows the chroots that were chosen before its package is known', () => {
    const build = aBuild({ spec: { chroots: ['fedora-43-x86_64'] } });
    expect(row(build)).toMatchObject({ chroots: ['fedora-43-x86_64'], package: null });
    expect(liveChroots(build, [])).toMatchObject([{ name: 'fedora-43-x86_64', state: 'waiting', resultsURL: null }]);
    const cancelled = { ...build, spec: { ...build.spec, cancelled: true } };
    expect(liveChroots(cancelled, [])).toMatchObject([{ name: 'fedora-43-x86_64', state: 'canceled' }]);
  });

  it('has begun with its first chroot, and has no end while one of them runs', () => {
    const stages = [
      aStage('fedora-43-x86_64', 'succeeded', {
        startedAt: '2026-01-02T03:04:05Z',
        finishedAt: '2026-01-02T03:05:05Z',
      }),
    ];
    const running = aBuild({ status: { state: 'running', startedAt: '2026-01-02T03:00:00Z' } });
    expect(row(running)).toMatchObject({ startedOn: 1_767_322_800, endedOn: null });
    expect(row(running, stages)).toMatchObject({ startedOn: 1_767_323_045, endedOn: null });
  });

  it('is in the monitor once its package is known, without the source stage', () => {
    const stages = [aStage('srpm-builds', 'succeeded'), aStage('fedora-43-x86_64', 'running')];
    const known = aBuild({ status: { state: 'running', package: 'hello', version: '1-1' } });
    const shown = row(known);
    expect(shown && liveMonitorRows(shown, liveChroots(known, stages))).toMatchObject([
      { package: 'hello', chroot: 'fedora-43-x86_64', build: 7, state: 'running', version: '1-1' },
    ]);
    const unknown = row(aBuild({ status: { state: 'importing' } }));
    expect(unknown && liveMonitorRows(unknown, liveChroots(known, stages))).toEqual([]);
  });
});
