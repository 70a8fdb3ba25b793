import { describe, expect, it } from 'vitest';
import { aCommandPool, aHostsPool, HOST_KEY, SSH } from '../hook/testing/objects.ts';
import { ago, NOW } from '../testing/objects.ts';
import { planMachine } from './plan.ts';
import type { Parts } from './testing/worlds.ts';
import { aJob, aPodOf, aWorld, logOf, printed } from './testing/worlds.ts';
import type { MachineStatus } from './world.ts';

const MAKING: MachineStatus = { phase: 'Starting', reason: 'Making', message: 'm' };
const PROBING: MachineStatus = {
  phase: 'Starting',
  reason: 'Probing',
  message: 'm',
  address: '10.0.0.7:22',
  user: 'root',
  hostKeys: [HOST_KEY],
};
const YAML = printed(`---\nhost: 10.0.0.7\nhost_key: ${HOST_KEY}\n`);
const OLD = { creationTimestamp: ago(601) };
const FIRST_USE = { ...SSH, hostKeys: 'FirstUse' as const };
const OTHER_KEY = 'ssh-ed25519 BBBBC3NzaC1lZDI1NTE5AAAAIAabcdefghijklmnopqrstuvwxyz0123456789ABCDEF';
const REPORT = `says hello\n${JSON.stringify({ hostKeys: [OTHER_KEY], engine: 'dnf', architecture: 'x86_64' })}\n{"level":30,"msg":"goes"}\n`;
const LENT_ONLY = aCommandPool();
delete LENT_ONLY.spec.ssh;

function plan(parts: Parts) {
  return planMachine(aWorld(parts), NOW);
}

describe('a machine that is to be made', () => {
  it('has its finalizer before anything else happens', () => {
    expect(plan({ metadata: { finalizers: [] } })).toEqual({ addFinalizer: true, keep: [], createJobs: [], notes: [] });
  });

  it('has the hook "new" run with what is left of its time to start, and says so', () => {
    const { createJobs, status } = plan({});
    expect(createJobs).toMatchObject([
      { metadata: { name: 'cloud-00000007-new' }, spec: { activeDeadlineSeconds: 590 } },
    ]);
    expect(status).toMatchObject({ phase: 'Starting', reason: 'Making' });
  });

  it('takes up a Job that an earlier operator has made', () => {
    const again = plan({ jobs: [aJob('new', 'runs')], metadata: OLD });
    expect(again).toMatchObject({ createJobs: [], keep: ['cloud-00000007-new'], status: { reason: 'Making' } });
  });

  it('is given up when nobody knows any more whether "new" has run', () => {
    const { createJobs, status } = plan({ metadata: OLD });
    expect(createJobs).toEqual([]);
    expect(status).toMatchObject({ phase: 'Lost', reason: 'StartTimeout' });
  });

  it('never runs "new" again once the status says that it was begun', () => {
    const { createJobs, status } = plan({ status: MAKING });
    expect(createJobs).toEqual([]);
    expect(status).toMatchObject({ phase: 'Lost', reason: 'NewFailed' });
  });

  it('waits for its Job until the operator’s own deadline, and says what the Job waits for', () => {
    const job = aJob('new', 'runs');
    const waiting = plan({ status: MAKING, jobs: [job], jobPods: [aPodOf(job)] });
    expect(waiting).toMatchObject({ keep: [job.metadata.name], requeueAfterMs: 155_000 });
    expect(waiting.status?.message).toContain('(runs)');
  });

  it.each(['succeeds', 'fails', 'times out', 'hangs'] as const)('reads what a Job has said that %s', (state) => {
    const job = aJob('new', state);
    expect(plan({ status: MAKING, jobs: [job] })).toMatchObject({
      read: job,
      keep: [job.metadata.name],
      createJobs: [],
    });
  });

  it('says how "new" failed with its last words, and is lost', () => {
    const facts = logOf('new', 'quota exceeded\n', 3);
    const { status, notes } = plan({ status: MAKING, jobs: [aJob('new', 'fails')], facts });
    const message = 'the hook "new" ended with exit code 3: quota exceeded';
    expect(status).toMatchObject({ phase: 'Lost', reason: 'NewFailed', message, endedAt: ago(0) });
    expect(notes).toMatchObject([{ type: 'Warning', reason: 'NewFailed', message }]);
  });

  it.each([
    ['can no longer be read', undefined, 'NewFailed'],
    ['has no mark', 'busy\n', 'NewFailed'],
    ['is too long', printed('x'.repeat(513)), 'BadOutput'],
    ['is no address', printed('Done!\n'), 'BadOutput'],
    ['has no host key where one is needed', printed('10.0.0.7\n'), 'NoHostKey'],
  ])('is lost when the output %s', (_what, text, reason) => {
    const { status, keep } = plan({ status: MAKING, jobs: [aJob('new', 'succeeds')], facts: logOf('new', text) });
    expect(status).toMatchObject({ phase: 'Lost', reason, endedAt: ago(0) });
    expect(keep).toEqual(['cloud-00000007-new']);
  });

  it('keeps for the hook "delete" what was printed, of whatever use it is', () => {
    for (const output of ['Done!\n', '10.0.0.7\n']) {
      const { status } = plan({
        status: MAKING,
        jobs: [aJob('new', 'succeeds')],
        facts: logOf('new', printed(output)),
      });
      expect(status?.data).toBe(Buffer.from(output).toString('base64'));
    }
  });

  it('never says in events what the hook has printed', () => {
    for (const output of ['password1\n---\n', '---\npassword1: [\n', `password1${'x'.repeat(600)}`]) {
      const { notes } = plan({ status: MAKING, jobs: [aJob('new', 'succeeds')], facts: logOf('new', printed(output)) });
      expect(JSON.stringify(notes)).not.toContain('password1');
    }
  });

  it('is looked at over SSH next', () => {
    const { status } = plan({ status: MAKING, jobs: [aJob('new', 'succeeds')], facts: logOf('new', YAML) });
    expect(status).toMatchObject({
      phase: 'Starting',
      reason: 'Probing',
      address: '10.0.0.7:22',
      user: 'root',
      hostKeys: [HOST_KEY],
      data: Buffer.from(`---\nhost: 10.0.0.7\nhost_key: ${HOST_KEY}\n`).toString('base64'),
    });
  });

  it('is Ready at once in a pool without ssh, whatever its output means', () => {
    const facts = logOf('new', printed('any words\n'));
    const { status } = plan({ status: MAKING, pool: LENT_ONLY, jobs: [aJob('new', 'succeeds')], facts });
    expect(status).toMatchObject({ phase: 'Ready', startedAt: ago(0), startSeconds: 10, data: 'YW55IHdvcmRzCg==' });
  });

  it('is lost without its pool', () => {
    expect(plan({ pool: undefined }).status).toMatchObject({ phase: 'Lost', reason: 'PoolNotFound' });
  });
});

describe('a machine that is to answer over SSH', () => {
  it('has "new" forgotten, and a probe made with what is left of its time', () => {
    const { keep, createJobs } = plan({ status: PROBING, jobs: [aJob('new', 'succeeds')] });
    expect(keep).toEqual(['cloud-00000007-probe']);
    expect(createJobs).toMatchObject([
      { metadata: { name: 'cloud-00000007-probe' }, spec: { activeDeadlineSeconds: 590 } },
    ]);
  });

  it('is lost when its time to start is over', () => {
    expect(plan({ status: PROBING, metadata: OLD }).status).toMatchObject({ phase: 'Lost', reason: 'StartTimeout' });
  });

  it('is Ready when it answers', () => {
    const { status } = plan({ status: PROBING, jobs: [aJob('probe', 'succeeds')], facts: logOf('probe', REPORT) });
    expect(status).toMatchObject({ phase: 'Ready', startedAt: ago(0), hostKeys: [HOST_KEY] });
  });

  it('is known by the key that it shows first, if its pool trusts that', () => {
    const pool = aCommandPool({}, { ssh: FIRST_USE });
    const status = { ...PROBING, hostKeys: [] };
    const seen = plan({ pool, status, jobs: [aJob('probe', 'succeeds')], facts: logOf('probe', REPORT) });
    expect(seen.status).toMatchObject({ phase: 'Ready', hostKeys: [OTHER_KEY] });
  });

  it.each([
    ['does not answer', aJob('probe', 'fails'), logOf('probe', 'no route to host\n', 21), /code 21: no route to host/],
    ['reports nothing', aJob('probe', 'succeeds'), logOf('probe', 'hm\n'), /cannot be read/],
  ])('is lost when it %s', (_what, job, facts, message) => {
    const { status } = plan({ status: PROBING, jobs: [job], facts });
    expect(status).toMatchObject({ phase: 'Lost', reason: 'Unreachable', message: expect.stringMatching(message) });
  });
});

describe('a machine of an inventory', () => {
  const spec = { pool: 'rack', machine: { index: 0, host: 'm1', slot: 1 } };
  const pool = aHostsPool();

  it('is found there, and made by no hook', () => {
    const { status, createJobs } = plan({ spec, pool });
    expect(createJobs).toEqual([]);
    expect(status).toMatchObject({ reason: 'Probing', address: 'm1.example:22', user: 'root', hostKeys: [HOST_KEY] });
  });

  it('is lost when the inventory has no such machine', () => {
    const gone = { ...spec, machine: { index: 0, host: 'm9', slot: 1 } };
    expect(plan({ spec: gone, pool }).status).toMatchObject({ phase: 'Lost', reason: 'HostNotFound' });
  });

  it('is cleaned before its first use, whoever used it before', () => {
    const found = plan({
      spec,
      pool,
      status: PROBING,
      jobs: [aJob('probe', 'succeeds')],
      facts: logOf('probe', REPORT),
    });
    expect(found.status).toMatchObject({ phase: 'Starting', reason: 'Cleaning' });
    const cleaning = { spec, pool, status: { ...PROBING, reason: 'Cleaning' } };
    expect(plan(cleaning).createJobs).toMatchObject([{ metadata: { name: 'cloud-00000007-clean-0' } }]);
    const clean = { ...cleaning, jobs: [aJob('clean-0', 'succeeds')], facts: logOf('clean-0', '') };
    expect(plan(clean).status).toMatchObject({ phase: 'Ready' });
    const dirty = { ...cleaning, jobs: [aJob('clean-0', 'fails')], facts: logOf('clean-0', '', 1) };
    expect(plan(dirty).status).toMatchObject({ phase: 'Lost', reason: 'CleaningFailed' });
  });
});
