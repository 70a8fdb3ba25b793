import { beforeAll, describe, expect, it } from 'vitest';
import { EXAMPLES, exampleOf } from './examples.ts';
import type { Json, TestApi } from './testing/api.ts';
import { MERGE } from './testing/api.ts';
import { collection, create, useInstalledApi } from './testing/installed.ts';

let api: TestApi;

useInstalledApi((fresh) => {
  api = fresh;
});

describe('a change', () => {
  beforeAll(async () => {
    for (const example of EXAMPLES) await create(api, example);
  });

  const table: [string, string, Json, RegExp | undefined][] = [
    [
      'another source of a Build',
      'Build',
      { source: { link: { url: 'https://files.example/b.src.rpm' } } },
      /the spec of a Build cannot be changed/,
    ],
    ['another project of a Build', 'Build', { project: 'other' }, /the spec of a Build cannot be changed/],
    ['a timeout added to a Build', 'Build', { timeoutSeconds: 100 }, /the spec of a Build cannot be changed/],
    ['chroots taken from a Build', 'Build', { chroots: null }, /the spec of a Build cannot be changed/],
    ['another time to live of a Build', 'Build', { ttlSecondsAfterFinished: 5 }, undefined],
    ['the cancellation of a Build', 'Build', { cancelled: true }, undefined],
    ['the cancellation of a Build taken back', 'Build', { cancelled: false }, /a cancelled Build stays cancelled/],
    [
      "another commit of a ChrootBuild's stage",
      'ChrootBuild',
      { stage: 'source' },
      /what it builds cannot be changed|a source stage needs source/,
    ],
    ['another Build of a ChrootBuild', 'ChrootBuild', { build: 'other' }, /what it builds cannot be changed/],
    ['the cancellation of a ChrootBuild', 'ChrootBuild', { cancelled: true }, undefined],
    [
      'the cancellation of a ChrootBuild taken back',
      'ChrootBuild',
      { cancelled: false },
      /a cancelled stage stays cancelled/,
    ],
    [
      'another owner of a ticket',
      'BuilderTicket',
      { owner: 'other' },
      /the claim of a BuilderTicket .* cannot be changed/,
    ],
    ['another priority of a ticket', 'BuilderTicket', { priority: 7 }, undefined],
    ['the end of a ticket', 'BuilderTicket', { closed: true }, undefined],
    ['the end of a ticket taken back', 'BuilderTicket', { closed: false }, /a closed ticket stays closed/],
    [
      'another sandbox of a Builder',
      'Builder',
      { sandbox: 'other/other' },
      /a builder belongs to one sandbox for its whole life/,
    ],
    ['another name of a Chroot', 'Chroot', { name: 'fedora-43-x86-64' }, /the name of a chroot cannot be changed/],
    ['an image of a Chroot', 'Chroot', { container: { image: 'registry.example/fedora:43' } }, undefined],
  ];

  // In this order: some rows follow from the one before.
  it.each(table)('is refused or taken as it should: %s', async (_, kind, spec, message) => {
    const { name, namespace } = exampleOf(kind).metadata;
    const path = `${collection(kind, namespace)}/${name}?fieldValidation=Strict`;
    const answer = await api.call('PATCH', path, { spec }, MERGE);
    if (message) expect(answer.body.message).toMatch(message);
    else expect(answer.body.message).toBeUndefined();
    expect(answer.status).toBe(message ? 422 : 200);
  });
});
