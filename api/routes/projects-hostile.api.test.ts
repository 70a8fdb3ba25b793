/** Whatever is sent to the routes of projects: no answer is a 5xx, every failure is one sentence, and nothing is half done. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHROOT_FIELDS } from '../mapping/chroot-fields.ts';
import { PROJECT_FIELDS } from '../mapping/project-fields.ts';
import type { Bed } from '../testing/bed.ts';
import { startBed } from '../testing/bed.ts';
import type { Answer, BedClient } from '../testing/client.ts';
import { permissionRoutes } from './permissions.ts';
import { projectChrootRoutes } from './project-chroots.ts';
import { projectRoutes } from './projects.ts';

const F43 = 'fedora-43-x86_64';
let bed: Bed;
let root: BedClient;

beforeAll(async () => {
  bed = await startBed({ routes: [...projectRoutes, ...permissionRoutes, ...projectChrootRoutes] });
  // An administrator: nothing is kept from him by a lack of rights.
  root = await bed.user('root', { isAdmin: true });
  await root.ok('POST', `/project/add/${root.name}`, { name: 'p', chroots: [F43] });
});
afterAll(() => bed?.stop());

const words = fc.constantFrom(
  '',
  '\0',
  '\ud800',
  '..',
  '__proto__',
  'x'.repeat(70_000),
  'a b,c',
  '-1',
  '99',
  'http://u:p@a.test/',
  'copr://a/b',
  'custom_image',
  F43,
  'fedora-*',
);
const value = fc.oneof(
  words,
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.array(words, { maxLength: 4 }),
  fc.jsonValue(),
  fc.constant(Array.from({ length: 2000 }, (_, index) => `http://x${index}.test`)),
);

function body(keys: readonly string[]): fc.Arbitrary<Record<string, unknown>> {
  return fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 4 });
}

function checkAnswer({ status, body: answer, text }: Answer): void {
  expect(status, text).toBeLessThan(500);
  if (status !== 200) expect(answer).toEqual({ error: expect.stringMatching(/\S/) });
  else expect(answer).not.toHaveProperty('error');
}

const SETS: readonly [string, string, readonly string[]][] = [
  ['PUT', 'edit', ['additional_repos', ...PROJECT_FIELDS.flatMap((row) => row.edit ?? [])]],
  ['PUT', 'chroot', ['additional_packages', 'additional_modules', ...CHROOT_FIELDS.flatMap((row) => row.edit ?? [])]],
  ['PUT', 'permissions', ['__proto__', 'root', '', '\0', 'constructor', 'admin']],
];

test.each(SETS)('%s %s takes anything', async (method, route, keys) => {
  const paths: Record<string, string> = {
    edit: `/project/edit/${root.name}/p`,
    chroot: `/project-chroot/edit/${root.name}/p/${F43}`,
    permissions: `/project/permissions/set/${root.name}/p`,
  };
  await fc.assert(
    fc.asyncProperty(body(keys), async (sent) => checkAnswer(await root.call(method, paths[route] ?? '', sent))),
    { numRuns: 120 },
  );
});

test('adding takes anything, and makes nothing when it refuses', async () => {
  const keys = ['additional_repos', ...PROJECT_FIELDS.flatMap((row) => row.add ?? [])].filter((key) => key !== 'name');
  let serial = 0;
  await fc.assert(
    fc.asyncProperty(body(keys), async (sent) => {
      serial += 1;
      const name = `n${serial}`;
      const answer = await root.post(`/project/add/${root.name}`, { chroots: [F43], ...sent, name });
      checkAnswer(answer);
      expect(bed.cluster.project(root.name, name) !== undefined).toBe(answer.status === 200);
    }),
    { numRuns: 120 },
  );
});

test('names in paths and queries may be anything', async () => {
  const text = fc
    .oneof(
      words.filter((word) => word.length < 1000),
      fc.string({ unit: 'binary', maxLength: 30 }),
    )
    .filter((one) => one.isWellFormed())
    .map(encodeURIComponent);
  await fc.assert(
    fc.asyncProperty(text, text, async (a, b) => {
      for (const path of [
        `/project?ownername=${a}&projectname=${b}`,
        `/project/list?ownername=${a}&limit=${b}&order=${a}`,
        `/project/search?query=${a}`,
        `/project-chroot?ownername=${root.name}&projectname=p&chrootname=${b}`,
        `/project-chroot/build-config?ownername=${a}&projectname=p&chrootname=${b}`,
        `/project/permissions/can_build_in/${a}/${root.name}/${b}`,
        `/project/permissions/get/${a}/${b}`,
      ]) {
        checkAnswer(await root.get(path));
      }
      checkAnswer(await root.post(`/project/add/${a}`, { name: 'x', chroots: [F43] }));
    }),
    { numRuns: 60 },
  );
});
