import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import type { AgentRig } from '../testing/agent-rig.ts';
import { sha256, until, useAgentRig } from '../testing/agent-rig.ts';
import type { Fault } from '../testing/publisher-stub.ts';
import { failed, succeeded, writeVerdict } from '../verdict.ts';

let rig: AgentRig;
let agent: AgentRig['agent'];
let build: AgentRig['build'];
let control: AgentRig['control'];
let publisher: AgentRig['publisher'];
let put: AgentRig['put'];
let results: AgentRig['results'];
let say: AgentRig['say'];
let start: AgentRig['start'];
let startOver: AgentRig['startOver'];

useAgentRig((fresh) => {
  rig = fresh;
  ({ agent, build, control, publisher, put, results, say, start, startOver } = fresh);
});

describe('the agent', () => {
  it('sends the log while it grows, then the results, then the manifest, and says so', async () => {
    const running = start();
    await say('one\n');
    await until(() => rig.stub.log() === 'one\n');
    await say('two\n');
    await until(() => rig.stub.log() === 'one\ntwo\n');
    expect(await control()).toEqual([]);
    await build();
    expect(await running).toBe('uploaded');
    expect(await control()).toEqual(['uploaded']);
    expect(rig.stub.log()).toBe('one\ntwo\nkopr: phase rpmbuild\n');
    expect(rig.stub.manifest).toEqual({
      verdict: succeeded('the packages were built'),
      files: [
        { name: 'build.log', size: 0, sha256: sha256('') },
        { name: 'hello-2.12-1.src.rpm', size: 6, sha256: sha256('source') },
        { name: 'hello-2.12-1.x86_64.rpm', size: 6, sha256: sha256('binary') },
        { name: 'hello.spec', size: 11, sha256: sha256('Name: hello') },
      ],
    });
    expect(rig.stub.files.get('hello-2.12-1.x86_64.rpm')?.toString()).toBe('binary');
  });

  it('sends only the logs of a failed build', async () => {
    await build(failed('BuildFailed', 'rpmbuild failed in %build', 1));
    expect(await start()).toBe('uploaded');
    expect([...rig.stub.files.keys()]).toEqual(['build.log']);
    expect(rig.stub.manifest?.verdict).toMatchObject({ outcome: 'failed', reason: 'BuildFailed' });
  });

  it('started again after it had finished, changes nothing', async () => {
    await build();
    const url = await publisher();
    await agent(url);
    const before = JSON.stringify(rig.stub.manifest);
    await say('written after the end\n');
    expect(await agent(url)).toBe('uploaded');
    expect(JSON.stringify(rig.stub.manifest)).toBe(before);
    expect(rig.stub.log()).toBe('kopr: phase rpmbuild\n');
    expect(await control()).toEqual(['uploaded']);
  });

  it('continues a log that an earlier agent has begun, by the size that the publisher has', async () => {
    const url = await publisher();
    await say('first half, second half\n');
    rig.stub.logs.set('builder-live.log', Buffer.from('first half,'));
    await writeVerdict(results(), failed('X', ''));
    await agent(url);
    expect(rig.stub.log()).toBe('first half, second half\n');
  });

  it('goes back when the publisher has lost the end of the log', async () => {
    const running = start();
    await say('one\n');
    await until(() => rig.stub.log() === 'one\n');
    rig.stub.logs.set('builder-live.log', Buffer.from('on'));
    await say('two\n');
    await until(() => rig.stub.log() === 'one\ntwo\n');
    await build();
    expect(await running).toBe('uploaded');
  });

  it('survives a publisher that is away for a while', async () => {
    const running = start();
    await say('before\n');
    await until(() => rig.stub.log() === 'before\n');
    await rig.stub.stop();
    await say('while it is away\n');
    await build();
    await systemClock.sleep(100);
    await rig.stub.start();
    expect(await running).toBe('uploaded');
    expect(rig.stub.log()).toBe('before\nwhile it is away\nkopr: phase rpmbuild\n');
  });

  it('delivers everything exactly once through any sequence of faults', async () => {
    const fault = fc.constantFrom<Fault | undefined>(undefined, undefined, 'reset', 'error', 'lost-reply', 'half-body');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { maxLength: 30 }),
        fc.array(fc.string({ minLength: 1, maxLength: 2000 }), { maxLength: 6 }),
        async (faults, texts) => {
          await startOver();
          const running = start({ fault: (_request, count) => faults[count - 1] });
          let all = '';
          for (const text of texts) {
            await say(text);
            all += text;
            await systemClock.sleep(2);
          }
          const payload = 'x'.repeat(300_000);
          await put('big.rpm', payload);
          await build();
          expect(await running).toBe('uploaded');
          expect(rig.stub.log()).toBe(`${all}kopr: phase rpmbuild\n`);
          expect(rig.stub.files.get('big.rpm')?.toString()).toBe(payload);
          expect(rig.stub.manifest?.files.map((file) => file.name)).toEqual([...rig.stub.files.keys()].sort());
          await rig.stub.stop();
        },
      ),
      { numRuns: 25 },
    );
  }, 60_000);
});

describe('the end of the pod', () => {
  it('without a verdict flushes the log and completes nothing: the operator decides', async () => {
    const running = start();
    await say('compiling\n');
    await until(() => rig.stub.log() === 'compiling\n');
    await say('Killed\n');
    rig.ending.abort();
    expect(await running).toBe('ended-without-verdict');
    expect(rig.stub.log()).toBe('compiling\nKilled\n');
    expect(rig.stub.manifest).toBeUndefined();
    expect(await control()).toEqual([]);
  });

  it('with a verdict still uploads it', async () => {
    await build();
    rig.ending.abort();
    expect(await start()).toBe('uploaded');
  });

  it('is not delayed by a publisher that is away', async () => {
    const url = await publisher();
    await rig.stub.stop();
    await say('x\n');
    const running = agent(url, { lifetimeMs: 500 });
    await systemClock.sleep(50);
    rig.ending.abort();
    // The flush has a bound of its own; here it ends when the publisher is back.
    await rig.stub.start();
    expect(await running).toBe('ended-without-verdict');
    expect(rig.stub.log()).toBe('x\n');
  });
});

describe('a publisher that refuses', () => {
  it('the token ends the wait of the build container', async () => {
    await build();
    expect(await start({ token: 'another' })).toBe('refused');
    expect(await control()).toEqual(['refused']);
  });

  it('the directory, which another build has, ends the task at the first answer, built or not', async () => {
    await say('a line of the log\n');
    expect(await start({ occupied: true })).toBe('directory-in-use');
    expect(await control()).toEqual(['refused']);
    expect(rig.stub.requests.filter((request) => request.includes('/log/'))).toHaveLength(1);
  });

  it('one package fails the build, with its words, and keeps the logs', async () => {
    await build();
    expect(await start({ refuse: (name) => name.endsWith('.x86_64.rpm') })).toBe('uploaded');
    expect(rig.stub.manifest?.verdict).toMatchObject({
      outcome: 'failed',
      reason: 'PublisherRefused',
      message: expect.stringContaining('hello-2.12-1.x86_64.rpm is too large'),
    });
    expect(rig.stub.manifest?.files.map((file) => file.name)).toEqual(['build.log']);
  });

  it('the log does not fail the build', async () => {
    await build();
    expect(await start({ refuse: (name) => name === 'builder-live.log' })).toBe('uploaded');
    expect(rig.stub.manifest?.verdict.outcome).toBe('succeeded');
  });

  it('to answer is given up when the lifetime of the task is over', async () => {
    await build();
    expect(await start({ fault: () => 'error' }, { lifetimeMs: 300 })).toBe('gave-up');
    expect(await control()).toEqual(['refused']);
  });
});
