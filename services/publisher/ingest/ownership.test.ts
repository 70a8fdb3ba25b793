import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claim, holdsPackages, type Ownership, ownersIn } from './ownership.ts';

const one = '11111111-0000-4000-8000-000000000000';
const two = '22222222-0000-4000-8000-000000000000';
const ownedBy = (task: string, ...superseded: string[]): Ownership => ({ task, superseded });

describe('a results directory', () => {
  it.each<[string, Parameters<typeof claim>, ReturnType<typeof claim>]>([
    ['is free as long as nobody has it', [`${one}.1`, undefined, undefined, undefined, false], 'free'],
    ['stays with the task that has it', [`${one}.1`, undefined, ownedBy(`${one}.1`), undefined, false], 'owned'],
    ['stays with its task when that has ended', [`${one}.1`, 'done', ownedBy(`${one}.1`), undefined, false], 'owned'],
    ['goes to a later attempt', [`${one}.2`, undefined, ownedBy(`${one}.1`), undefined, false], 'take-over'],
    [
      'goes to an attempt with more digits',
      [`${one}.10`, undefined, ownedBy(`${one}.9`), undefined, false],
      'take-over',
    ],
    ['does not go back to an earlier attempt', [`${one}.1`, undefined, ownedBy(`${one}.2`), undefined, false], 'gone'],
    [
      'does not go back to who had it',
      [`${one}.1`, undefined, ownedBy(`${two}.1`, `${one}.1`), undefined, false],
      'gone',
    ],
    ['never goes to another build', [`${two}.1`, undefined, ownedBy(`${one}.1`), undefined, false], 'in-use'],
    [
      'never goes to a later attempt of another build',
      [`${two}.9`, undefined, ownedBy(`${one}.1`), undefined, false],
      'in-use',
    ],
    ['is not free when packages are in it', [`${one}.1`, undefined, undefined, undefined, true], 'in-use'],
    ['is not for a task that was forgotten', [`${one}.1`, 'forgotten', undefined, undefined, false], 'gone'],
    [
      'is taken from a task that was forgotten',
      [`${one}.1`, 'forgotten', ownedBy(`${one}.1`), undefined, false],
      'gone',
    ],
    ['is not made again for a task that is published', [`${one}.1`, 'done', undefined, undefined, false], 'gone'],
    ['is not made again for a task that is refused', [`${one}.1`, 'refused', undefined, undefined, false], 'gone'],
    ['is not taken over by a task that has ended', [`${one}.2`, 'done', ownedBy(`${one}.1`), undefined, false], 'gone'],
    [
      'goes to another build when its own was given up',
      [`${two}.1`, undefined, ownedBy(`${one}.1`), 'forgotten', false],
      'take-over',
    ],
    [
      'stays with a build that was given up after it had published',
      [`${two}.1`, undefined, ownedBy(`${one}.1`), 'forgotten', true],
      'in-use',
    ],
    ['stays with a build that has published', [`${two}.1`, undefined, ownedBy(`${one}.1`), 'done', true], 'in-use'],
    ['stays with a build that has failed', [`${two}.1`, undefined, ownedBy(`${one}.1`), 'done', false], 'in-use'],
  ])('%s', (_what, facts, answer) => {
    expect(claim(...facts)).toBe(answer);
  });
});

describe('the tree of a project', () => {
  let project: string;

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'kopr-owners-'));
    for (const path of ['a-1/00000001-x', 'a-1/.repodata-1', 'a-1/00000002-x', 'srpm-builds/00000001', 'repo/a'])
      await mkdir(join(project, path), { recursive: true });
    await writeFile(join(project, 'pubkey.gpg'), 'key');
    await writeFile(join(project, 'a-1', '.repodata-1', 'x.rpm'), '');
    await writeFile(join(project, 'a-1', '00000001-x', '.task'), JSON.stringify(ownedBy(`${one}.2`, `${one}.1`)));
    await writeFile(join(project, 'srpm-builds', '00000001', '.task'), JSON.stringify(ownedBy(`${two}.1`)));
  });

  afterAll(() => rm(project, { recursive: true, force: true }));

  it('tells the owners of its results directories', async () => {
    const tasks: string[] = [];
    for await (const owner of ownersIn(project)) tasks.push(owner.task);
    expect(tasks.sort()).toEqual([`${one}.2`, `${two}.1`]);
    for await (const owner of ownersIn(join(project, 'none'))) tasks.push(owner.task);
    expect(tasks).toHaveLength(2);
  });

  it('tells which directories hold packages', async () => {
    expect(await holdsPackages(join(project, 'a-1', '.repodata-1'))).toBe(true);
    expect(await holdsPackages(join(project, 'a-1', '00000001-x'))).toBe(false);
    expect(await holdsPackages(join(project, 'a-1', 'none'))).toBe(false);
  });
});
