import { describe, expect, it } from 'vitest';
import type { ArchiveMemory, ArchiveWorld } from './plan.ts';
import { packageKey, planArchive } from './plan.ts';
import { projectRowOf } from './row.ts';
import { aBuild, aPackage, aProject, aRemoval, endedStatus, SOURCE } from './testing/objects.ts';

const archived = { annotations: { 'kopr.dev/archived': '2026-11-24T13:00:00Z' } };

function plan(world: Partial<ArchiveWorld>, memory: Partial<ArchiveMemory> = {}) {
  return planArchive(
    { projects: [aProject()], builds: [], packages: [], removals: [], ...world },
    { projects: new Map(), packages: new Set(), done: new Set(), ...memory },
  );
}

describe('what is recorded', () => {
  const running = aBuild(9, { status: { id: 9, state: 'running' } });
  const { id: _, ...unnumbered } = endedStatus(1);
  const table: [string, Partial<ArchiveWorld>, string[]][] = [
    ['Builds that ended, in the order of their numbers', { builds: [aBuild(7), aBuild(5)] }, ['b-5', 'b-7']],
    ['no Build that runs', { builds: [running] }, []],
    ['no Build without a number', { builds: [aBuild(1, { status: unnumbered })] }, []],
    ['no Build that is annotated', { builds: [aBuild(7, { metadata: archived })] }, []],
    ['no Build whose Project is not there', { builds: [aBuild(7)], projects: [] }, []],
    ['no Build that is being removed', { builds: [aBuild(7), aBuild(8)], removals: [aRemoval([7])] }, ['b-8']],
    [
      'Builds of other projects that have a number of the Removal',
      { builds: [aBuild(7)], removals: [{ ...aRemoval([7]), spec: { project: 'other', builds: [7] } }] },
      ['b-7'],
    ],
    ['no Build that was removed', { builds: [aBuild(7)], removals: [aRemoval([7], archived, 'removed')] }, []],
    ['Builds whose Removal was refused', { builds: [aBuild(7)], removals: [aRemoval([7], {}, 'refused')] }, ['b-7']],
  ];
  it.each(table)('%s', (_name, world, expected) => {
    expect(plan(world).record.map(({ build }) => build.metadata.name)).toEqual(expected);
  });

  it('no Build that this process has dealt with', () => {
    expect(plan({ builds: [aBuild(7)] }, { done: new Set(['uid-b-7']) }).record).toEqual([]);
  });
});

describe('what is removed', () => {
  it('rows that a Removal names, once it has succeeded', () => {
    expect(plan({ removals: [aRemoval([7])] }).remove).toEqual([]);
    expect(plan({ removals: [aRemoval([7], {}, 'refused')] }).remove).toEqual([]);
    const removal = aRemoval([7], {}, 'removed');
    expect(plan({ removals: [removal] }).remove).toEqual([{ removal, projectUID: 'uid-hello' }]);
    expect(plan({ removals: [aRemoval([7], archived, 'removed')] }).remove).toEqual([]);
    expect(plan({ removals: [removal] }, { done: new Set(['uid-gone']) }).remove).toEqual([]);
    expect(plan({ removals: [removal], projects: [] }).remove).toEqual([{ removal, projectUID: undefined }]);
  });
});

describe('projects and packages', () => {
  it('are written when they are new or different', () => {
    const row = projectRowOf(aProject());
    expect(plan({}).putProjects).toEqual([row]);
    expect(plan({}, { projects: new Map([[row.uid, row]]) }).putProjects).toEqual([]);
    expect(plan({}, { projects: new Map([[row.uid, { ...row, id: null }]]) }).putProjects).toEqual([row]);
  });

  it('are not written for a Project that is going', () => {
    expect(plan({ projects: [aProject('hello', {}, { deletionTimestamp: 'now' })] }).putProjects).toEqual([]);
  });

  it('come from objects and from Builds as soon as their package is known', () => {
    const running = aBuild(9, { status: { id: 9, state: 'running', package: 'early' } });
    const world = { packages: [aPackage('greet', { name: 'Greet' })], builds: [running] };
    const declared = { projectUID: 'uid-hello', name: 'Greet', declared: true, firstSource: null };
    const seen = { projectUID: 'uid-hello', name: 'early', declared: false, firstSource: SOURCE };
    expect(plan(world).ensurePackages).toEqual([declared, seen]);
    const packages = new Set([packageKey(declared), packageKey(seen)]);
    expect(plan(world, { packages }).ensurePackages).toEqual([]);
  });

  it('do not come from Builds that are being removed, or without a Project', () => {
    expect(plan({ builds: [aBuild(7)], removals: [aRemoval([7])] }).ensurePackages).toEqual([]);
    expect(plan({ builds: [aBuild(7)], packages: [aPackage('greet')], projects: [] }).ensurePackages).toEqual([]);
  });
});
