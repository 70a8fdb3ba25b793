import { describe, expect, it } from 'vitest';
import { hasAllStages, projectRowOf, recordOf } from './row.ts';
import { aBuild, aProject, aStage, endedStatus, SOURCE, stageStatus } from './testing/objects.ts';

const at = (text: string): number => Date.parse(text) / 1000;

describe('recordOf', () => {
  it('keeps what a list shows, its stages and its packages', () => {
    const build = aBuild(7, {
      spec: { directory: 'pr:1', background: true },
      metadata: { annotations: { 'kopr.dev/submitter': 'bob' } },
    });
    const stages = [aStage(build, 'srpm-builds', stageStatus({ packages: [] })), aStage(build, 'fedora-43-x86_64')];
    const recorded = recordOf(build, stages, aProject('hello', { name: 'Hello' }));
    expect(recorded?.project).toEqual({
      uid: 'uid-hello',
      id: 3,
      owner: 'alice',
      name: 'Hello',
      namespace: 'alice',
      objectName: 'hello',
    });
    expect(recorded?.build).toEqual({
      id: 7,
      objectName: 'b-7',
      uid: 'uid-b-7',
      dirname: 'Hello:pr:1',
      package: 'hello',
      version: '2.12-1',
      state: 'succeeded',
      reason: null,
      submittedOn: at('2026-11-24T12:00:00Z'),
      startedOn: at('2026-11-24T12:01:00Z'),
      endedOn: at('2026-11-24T12:04:00Z'),
      submitter: 'bob',
      isBackground: true,
      chroots: ['fedora-43-x86_64'],
      srpmURL: 'http://results.test/s/hello-2.12-1.src.rpm',
    });
    expect(recorded?.source).toEqual(SOURCE);
    expect(recorded?.spec).toMatchObject({ directory: 'pr:1' });
    expect(recorded?.chroots.map(({ name, packages }) => [name, packages.length])).toEqual([
      ['fedora-43-x86_64', 1],
      ['srpm-builds', 0],
    ]);
  });

  it.each([
    ['without a number', { conditions: endedStatus(1).conditions, state: 'failed' as const }],
    ['without an end', { id: 1, state: 'running' as const }],
  ])('gives nothing for a Build %s', (_, status) => {
    expect(recordOf(aBuild(1, { status }), [], aProject())).toBeUndefined();
  });

  it('takes the number that the API gave', () => {
    const { id: _, ...status } = endedStatus(1);
    const build = aBuild(1, { status, metadata: { labels: { 'kopr.dev/id': '42' } } });
    expect(recordOf(build, [], aProject())?.build.id).toBe(42);
  });

  it('knows the times of a Build that no builder ever saw', () => {
    const {
      startedAt: _s,
      source: _o,
      package: _p,
      version: _v,
      chroots: _c,
      ...status
    } = endedStatus(1, { state: 'canceled' });
    const recorded = recordOf(aBuild(1, { status, spec: { chroots: ['a-1-x86_64'] } }), [], aProject());
    expect(recorded?.build).toMatchObject({
      startedOn: null,
      endedOn: at('2026-11-24T12:05:00Z'),
      package: null,
      srpmURL: SOURCE.link.url,
      chroots: ['a-1-x86_64'],
    });
    expect(recorded?.chroots).toMatchObject([{ name: 'a-1-x86_64', state: 'canceled', startedOn: null }]);
  });

  it('has no SRPM of a spec file that led to none', () => {
    const { source: _, ...status } = endedStatus(1, { state: 'failed' });
    const build = aBuild(1, { status, spec: { source: { link: { url: 'http://files.test/hello.spec' } } } });
    expect(recordOf(build, [], aProject())?.build.srpmURL).toBeNull();
  });

  it('keeps chroots that were skipped, and the source stage whose object is gone', () => {
    const chroots = [{ name: 'a-1-i386', state: 'skipped' as const, reason: 'ArchitectureExcluded', message: 'no' }];
    const recorded = recordOf(aBuild(1, { status: endedStatus(1, { chroots }) }), [], aProject());
    expect(recorded?.chroots).toMatchObject([
      { name: 'a-1-i386', state: 'skipped', reason: 'ArchitectureExcluded', startedOn: null },
      { name: 'srpm-builds', state: 'succeeded', resultsURL: 'http://results.test/s/' },
    ]);
  });

  it('takes the source from the stage for a Build of a Package', () => {
    const build = aBuild(1);
    const { source: _, ...spec } = build.spec;
    const ofPackage = { ...build, spec: { ...spec, package: 'greet' } };
    expect(recordOf(ofPackage, [aStage(build, 'srpm-builds')], aProject())?.source).toEqual(SOURCE);
  });
});

describe('hasAllStages', () => {
  const build = aBuild(1);
  it.each([
    ['all', [aStage(build, 'srpm-builds'), aStage(build, 'fedora-43-x86_64')], true],
    ['one that is missing', [aStage(build, 'srpm-builds')], false],
    ['one that has not ended', [aStage(build, 'fedora-43-x86_64', { state: 'running' })], false],
  ])('sees %s', (_, stages, expected) => {
    expect(hasAllStages(build, stages)).toBe(expected);
  });
});

describe('projectRowOf', () => {
  it('falls back to the namespace until the owner is known', () => {
    const { status: _, ...project } = aProject();
    expect(projectRowOf(project)).toMatchObject({ id: null, owner: 'alice' });
  });
});
