import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { z } from 'zod';
import { BOOTSTRAPS, ISOLATIONS } from '../../crds/common.ts';
import type { Project } from '../../crds/project.ts';
import { projectSpec } from '../../crds/project.ts';
import { toTimestamp } from '../../lib/clock.ts';
import { optionFields } from '../routes/build-create-options.ts';
import { buildChrootResult, buildResult, packageResult } from '../routes/builds-schemas.ts';
import { packageFields } from '../routes/packages-form.ts';
import { projectResult } from '../routes/projects-schemas.ts';
import { BUILD_ANSWERS, BUILD_CHROOT_ANSWERS, BUILD_OPTIONS } from './build-fields.ts';
import { changedSettings, projectChrootJSON } from './chroot.ts';
import { CHROOT_FIELDS } from './chroot-fields.ts';
import { mappingPage } from './document.ts';
import type { FieldRow, MappingContext } from './field.ts';
import { formShape, isMapped, valueAt } from './field.ts';
import { PACKAGE_FIELDS } from './package-fields.ts';
import { newProjectSpec, projectJSON, projectPatch, projectPlaceName } from './project.ts';
import { PROJECT_FIELDS } from './project-fields.ts';
import { daysUntil, expiryOf } from './values.ts';

const NOW = Date.UTC(2026, 10, 24, 22, 30);
const context: MappingContext = {
  now: NOW,
  resultsURL: 'http://results.test/results',
  activeChroots: new Set(['fedora-43-x86_64']),
};

function keysOf(rows: readonly FieldRow[], key: 'add' | 'edit' | 'answer'): string[] {
  return rows.flatMap((row) => row[key] ?? []).sort();
}

function projectOf(spec: unknown): Project {
  return {
    apiVersion: 'kopr.dev/v1alpha1',
    kind: 'Project',
    metadata: { name: 'p', namespace: 'alice' },
    // With the defaults that the API server fills in.
    spec: projectSpec.parse(spec),
  };
}

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const url = word.map((name) => `https://${name}.test/$basearch/?priority=5`);
const some = <T>(items: fc.Arbitrary<T>): fc.Arbitrary<T[] | undefined> =>
  fc.option(fc.uniqueArray(items, { minLength: 1, maxLength: 5, selector: (item) => JSON.stringify(item) }), {
    nil: undefined,
  });
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const prose = fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' }).filter((text) => !/[\0\r]/.test(text));

const options = fc.record({
  network: fc.boolean(),
  bootstrap: fc.constantFrom(...BOOTSTRAPS),
  bootstrapImage: maybe(word),
  isolation: fc.constantFrom(...ISOLATIONS),
  develMode: fc.boolean(),
  multilib: fc.boolean(),
  fedoraReview: fc.boolean(),
  appstream: fc.boolean(),
  followFedoraBranching: fc.boolean(),
  autoPrune: fc.boolean(),
  repoPriority: maybe(fc.integer({ min: 1, max: 99 })),
  moduleHotfixes: fc.boolean(),
});
const spec = fc.record({
  description: maybe(prose),
  instructions: maybe(prose),
  homepage: maybe(url),
  contact: maybe(word.map((name) => `${name}@example.org`)),
  chroots: fc.uniqueArray(fc.constantFrom('fedora-43-x86_64', 'fedora-42-x86_64', 'epel-9-x86_64'), { minLength: 1 }),
  externalRepos: some(url.map((baseurl) => ({ baseurl }))),
  runtimeDependencies: some(word.map((name) => `copr://alice/${name}`)),
  packitForgeProjects: some(word.map((name) => `github.com/${name}/*`)),
  unlisted: fc.boolean(),
  expiresAt: maybe(fc.integer({ min: 0, max: 720 }).map((days) => toTimestamp(expiryOf(days, NOW)))),
  options,
});

/** What a client would send that wanted the project to be as it is. */
function formOf(project: Project, form: 'add' | 'edit'): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const row of PROJECT_FIELDS.filter(isMapped)) {
    const key = row[form];
    if (key !== undefined) values[key] = row.toAPI(valueAt(project, row.place), context) ?? undefined;
  }
  // As JSON, and as the route reads it.
  const parsed: unknown = z.object(formShape(PROJECT_FIELDS, form)).parse(JSON.parse(JSON.stringify(values)));
  return parsed as Record<string, unknown>;
}

describe('a Project', () => {
  it('is the same after resource → API → resource, in every mapped field', () => {
    fc.assert(
      fc.property(spec, (generated) => {
        const project = projectOf(JSON.parse(JSON.stringify(generated)));
        expect(projectOf(newProjectSpec(formOf(project, 'add'), context)).spec).toEqual(project.spec);
        expect(projectPatch(formOf(project, 'edit'), project, context)).toBeUndefined();
      }),
    );
  });

  it('keeps what only kubectl can set when a client sends its repositories back', () => {
    const repo = { baseurl: 'https://a.test/', gpgkey: 'https://a.test/key', priority: 3 };
    const project = projectOf({ chroots: ['fedora-43-x86_64'], externalRepos: [repo] });
    const patch = projectPatch({ repos: ['https://b.test/', 'https://a.test/'] }, project, context);
    expect(patch).toEqual({ spec: { externalRepos: [{ baseurl: 'https://b.test/' }, repo] } });
  });

  it('is answered with exactly the keys of the table', () => {
    const json = projectJSON({ id: 1, owner: 'alice', name: 'p', project: projectOf({ chroots: ['a-1-b'] }) }, context);
    expect(Object.keys(json).sort()).toEqual(keysOf(PROJECT_FIELDS, 'answer'));
    expect(projectResult.parse(json)).toMatchObject({ description: '', homepage: null, chroot_repos: {} });
  });

  it.each([
    [{ use_bootstrap_container: true }, { bootstrap: 'on' }],
    [{ use_bootstrap_container: false }, { bootstrap: 'off' }],
    [{ use_bootstrap_container: true, bootstrap: 'image' }, { bootstrap: 'image' }],
    [{ repo_priority: null }, undefined],
  ])('takes %j as options %j', (form, expected) => {
    expect(projectPatch(form, projectOf({ chroots: ['a-1-b'] }), context)?.spec.options).toEqual(expected);
  });

  it.each([
    ['spec.externalRepos[0].baseurl', 'repos'],
    ['spec.options.repoPriority', 'repo_priority'],
    ['spec.chroots[2]', 'chroots'],
    ['spec.retention.keepLast', 'retention.keepLast'],
  ])('has a field %s that clients know as %s', (path, name) => {
    expect(projectPlaceName(path)).toBe(name);
  });
});

test('days until deletion end at a midnight, and are the same when read on that day', () => {
  expect(toTimestamp(expiryOf(0, NOW))).toBe('2026-11-25T00:00:00Z');
  expect(toTimestamp(expiryOf(3, NOW))).toBe('2026-11-28T00:00:00Z');
  for (const days of [0, 1, 30, 720]) expect(daysUntil(expiryOf(days, NOW), NOW)).toBe(days);
});

const settings = fc.record({
  packages: some(word),
  repos: some(url),
  modules: some(word.map((name) => `!${name}:1`)),
  with: some(word),
  without: some(word),
  bootstrap: maybe(fc.constantFrom('on', 'off', 'image', 'default')),
  isolation: maybe(fc.constantFrom(...ISOLATIONS)),
});

describe('a chroot of a project', () => {
  it('is the same after resource → API → resource, in every mapped field', () => {
    fc.assert(
      fc.property(settings, (generated) => {
        const entry = JSON.parse(JSON.stringify({ name: 'a-1-b', ...generated })) as Record<string, unknown>;
        const project = projectOf({ chroots: ['a-1-b'], chrootSettings: [entry] });
        const form: Record<string, unknown> = {};
        for (const row of CHROOT_FIELDS.filter(isMapped)) {
          form[row.edit ?? ''] = row.toAPI(valueAt(entry, row.place), context) ?? undefined;
        }
        const parsed = z.object(formShape(CHROOT_FIELDS, 'edit')).parse(JSON.parse(JSON.stringify(form)));
        expect(changedSettings(project, 'a-1-b', parsed, undefined, context)).toBeUndefined();
        const bare = projectOf({ chroots: ['a-1-b'] });
        const made = changedSettings(bare, 'a-1-b', parsed, undefined, context);
        expect(made ?? [{ name: 'a-1-b' }]).toEqual([entry]);
      }),
    );
  });

  it('is answered with exactly the keys of the table', () => {
    const project = projectOf({ chroots: ['a-1-b'] });
    const json = projectChrootJSON({ owner: 'alice', name: 'p', project, chroot: 'a-1-b' }, context);
    expect(Object.keys(json).sort()).toEqual(keysOf(CHROOT_FIELDS, 'answer'));
  });
});

test.each([
  ['options of builds', keysOf(BUILD_OPTIONS, 'add'), optionFields],
  ['answers about builds', keysOf(BUILD_ANSWERS, 'answer'), buildResult.shape],
  ['answers about chroots of builds', keysOf(BUILD_CHROOT_ANSWERS, 'answer'), buildChrootResult.shape],
  ['forms of packages', keysOf(PACKAGE_FIELDS, 'add'), packageFields],
  ['answers about packages', keysOf(PACKAGE_FIELDS, 'answer'), packageResult.shape],
  ['answers about projects', keysOf(PROJECT_FIELDS, 'answer'), projectResult.shape],
])('the table has what the routes have: %s', (_what, keys, shape) => {
  expect(keys).toEqual(Object.keys(shape).sort());
});

test('the page names every key and every place', () => {
  const page = mappingPage();
  for (const key of keysOf(PROJECT_FIELDS, 'edit')) expect(page).toContain(`\`${key}\``);
  expect(page).toContain('`spec.chrootSettings[].packages`');
  expect(page.split('\n').filter((line) => line.startsWith('## '))).toHaveLength(6);
});
