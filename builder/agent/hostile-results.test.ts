import { execFileSync } from 'node:child_process';
import { mkdir, symlink, truncate } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { AgentRig } from '../testing/agent-rig.ts';
import { useAgentRig } from '../testing/agent-rig.ts';
import { failed, writeVerdict } from '../verdict.ts';

let rig: AgentRig;
let build: AgentRig['build'];
let put: AgentRig['put'];
let results: AgentRig['results'];
let say: AgentRig['say'];
let start: AgentRig['start'];

useAgentRig((fresh) => {
  rig = fresh;
  ({ build, put, results, say, start } = fresh);
});

describe('a stranger in the results directory', () => {
  it.each([
    ['a link', () => symlink('/etc/passwd', results('evil.rpm'))],
    ['a FIFO', async () => void execFileSync('mkfifo', [results('evil.rpm')])],
    ['a directory', () => mkdir(results('evil.rpm'))],
    ['a name with spaces', () => put('evil x.rpm', '')],
    ['a hidden package', () => put('-evil.rpm', '')],
  ])('who leaves %s as package fails his own build', async (_what, make) => {
    await make();
    await build();
    expect(await start()).toBe('uploaded');
    expect(rig.stub.manifest?.verdict).toMatchObject({
      outcome: 'failed',
      reason: 'ResultsInvalid',
      message: expect.stringContaining('evil'),
    });
    expect(rig.stub.requests.filter((request) => request.includes('evil'))).toEqual([]);
  });

  it.each([
    ['a link', (name: string) => symlink('/etc/passwd', results(name))],
    ['a FIFO', async (name: string) => void execFileSync('mkfifo', [results(name)])],
    ['a directory', (name: string) => mkdir(results(name))],
  ])('who leaves %s as live log or log sends nothing with it', async (_what, make) => {
    await make('builder-live.log');
    await make('root.log');
    await writeVerdict(results(), failed('X', 'x'));
    expect(await start()).toBe('uploaded');
    expect(rig.stub.log()).toBe('');
    expect(rig.stub.manifest?.files).toEqual([]);
  });

  it.each([
    ['nonsense', () => put('verdict.json', 'nonsense')],
    ['a link', () => symlink('/dev/zero', results('verdict.json'))],
    ['far too much', () => put('verdict.json', Buffer.alloc(1_000_000))],
    ['another shape', () => put('verdict.json', '{"outcome":"succeeded"}')],
    ['a FIFO', async () => void execFileSync('mkfifo', [results('verdict.json')])],
  ])('whose verdict is %s has failed', async (_what, make) => {
    await make();
    expect(await start()).toBe('uploaded');
    expect(rig.stub.manifest?.verdict).toMatchObject({ outcome: 'failed', reason: 'InvalidVerdict' });
  });

  it('whose package changes between hashing and upload fails', async () => {
    await build();
    let changed = false;
    const outcome = await start({
      fault: (request) => {
        if (request.includes('/hello-2.12-1.src.rpm') && !changed) {
          changed = true;
          execFileSync('truncate', ['-s', '3', results('hello-2.12-1.x86_64.rpm')]);
        }
        return undefined;
      },
    });
    expect(outcome).toBe('uploaded');
    expect(rig.stub.manifest?.verdict).toMatchObject({
      reason: 'ResultsInvalid',
      message: expect.stringContaining('changed'),
    });
  });

  it('whose package is too large fails, without a byte of it being sent', async () => {
    await build();
    await put('huge.rpm', '');
    await truncate(results('huge.rpm'), 2 ** 40);
    expect(await start()).toBe('uploaded');
    expect(rig.stub.manifest?.verdict).toMatchObject({ reason: 'ResultsTooLarge' });
    expect(rig.stub.files.has('huge.rpm')).toBe(false);
  });

  it('whose files are too large together fails', async () => {
    await build();
    expect(await start({}, { maxTaskBytes: 12 })).toBe('uploaded');
    expect(rig.stub.manifest?.verdict).toMatchObject({ reason: 'ResultsTooLarge' });
  });

  it('who leaves too many packages fails', async () => {
    await Promise.all(Array.from({ length: 2001 }, (_, index) => put(`p${index}.rpm`, '')));
    await build();
    expect(await start()).toBe('uploaded');
    expect(rig.stub.manifest?.verdict).toMatchObject({
      reason: 'ResultsInvalid',
      message: expect.stringContaining('2000'),
    });
  });

  it('whose log never ends is cut', async () => {
    await say('x'.repeat(3_000_000));
    await writeVerdict(results(), failed('X', 'x'));
    expect(await start()).toBe('uploaded');
    expect(rig.stub.log().length).toBe(1_000_000 + 65_536);
  });
});
