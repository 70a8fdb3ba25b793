import { mkdir, mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Paths, pathsOf } from '../paths.ts';
import { ProjectGate } from './gate.ts';

const name = { owner: 'demo', project: 'hello' };
const gone = { status: 410, code: 'ProjectDeleted' };

let directory: string;
let paths: Paths;
let gate: ProjectGate;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kopr-gate-'));
  paths = pathsOf(directory);
  gate = new ProjectGate(paths);
  await mkdir(dirname(paths.tombstone(name)), { recursive: true });
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const steps = {
  mark: () => writeFile(paths.tombstone(name), ''),
  end: async () => gate.end(name),
  create: () => unlink(paths.tombstone(name)),
};

describe('a visit', () => {
  it.each<[string, (keyof typeof steps)[], boolean]>([
    ['is good in a project nobody deletes', [], true],
    ['is over with the tombstone', ['mark'], false],
    ['is over with the deletion', ['mark', 'end'], false],
    ['stays over when the project is made again', ['mark', 'end', 'create'], false],
    ['stays over when the project is deleted and made again twice', ['end', 'mark', 'end', 'create'], false],
  ])('%s', async (_what, events, good) => {
    const visit = gate.visit(name);
    for (const event of events) await steps[event]();
    const entered = gate.run(visit, async () => 'done');
    if (good) expect(await entered).toBe('done');
    else await expect(entered).rejects.toMatchObject(gone);
  });

  it('is good when it begins in the project that was made again', async () => {
    for (const event of ['mark', 'end', 'create'] as const) await steps[event]();
    const visit = gate.visit(name);
    expect([gate.isOver(visit), await gate.run(visit, async () => 'done')]).toEqual([false, 'done']);
  });

  it('has nothing to do with other projects', async () => {
    const visit = gate.visit({ ...name, project: 'other' });
    await steps.mark();
    await steps.end();
    await expect(gate.check(visit)).resolves.toBeUndefined();
  });

  it('is not ended while one of its steps runs, and its next step does not run', async () => {
    const visit = gate.visit(name);
    const events: string[] = [];
    const { promise: go, resolve } = Promise.withResolvers<void>();
    const first = gate.run(visit, async () => {
      await go;
      events.push('step');
    });
    const deletion = gate.alone(name, async () => {
      await steps.mark();
      gate.end(name);
      events.push('deleted');
    });
    const second = gate.run(visit, async () => events.push('never'));
    resolve();
    await Promise.all([first, deletion]);
    await expect(second).rejects.toMatchObject(gone);
    expect(events).toEqual(['step', 'deleted']);
  });
});
