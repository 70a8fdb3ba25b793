import { describe, expect, it } from 'vitest';
import { aCommandPool } from '../hook/testing/objects.ts';
import { ago, NOW } from '../testing/objects.ts';
import { planMachine } from './plan.ts';
import type { MachinePlan } from './status.ts';
import { NOTHING } from './status.ts';
import type { DriverState, JobState, Parts } from './testing/worlds.ts';
import { aDriver, aJob, aSession, aWorld, CLAIMED, closed, FREE, LENT, logOf, printed, UP } from './testing/worlds.ts';
import type { MachineStatus, MachineWorld } from './world.ts';

/** Every phase with every event that can meet it: what is planned is one line of a golden file, to be read by people. */

const RUNNING: MachineStatus = {
  ...UP,
  phase: 'Running',
  reason: 'Claimed',
  message: 'm',
  assignedAt: ago(50),
  uses: 2,
};
const OVER = { endedAt: ago(1) };

const PHASES: Record<string, Parts> = {
  new: {},
  making: { status: { phase: 'Starting', reason: 'Making', message: 'm' } },
  probing: { status: { ...UP, phase: 'Starting', reason: 'Probing', message: 'm' } },
  ready: { status: UP },
  claimed: { status: UP, spec: CLAIMED },
  lent: { status: { ...RUNNING, reason: 'Lent' }, spec: LENT },
  running: { status: { ...RUNNING, session: aSession() }, spec: CLAIMED },
  'session ended': { status: { ...RUNNING, session: aSession({ phase: 'Ended', ...OVER }) }, spec: CLAIMED },
  'session lost': {
    status: { ...RUNNING, session: aSession({ phase: 'Lost', reason: 'Evicted', ...OVER }) },
    spec: CLAIMED,
  },
  'driver gave up': {
    status: { ...RUNNING, session: aSession({ phase: 'Lost', reason: 'MachineLost', ...OVER }) },
    spec: CLAIMED,
  },
  releasing: { status: { ...RUNNING, phase: 'Releasing', reason: 'Releasing', releasedAt: ago(10) }, spec: CLAIMED },
  'claim taken off': {
    status: { ...RUNNING, phase: 'Releasing', reason: 'Releasing', releasedAt: ago(10) },
    spec: { ...FREE, sandbox: 'demo/hello' },
  },
  lost: { status: { ...UP, phase: 'Lost', reason: 'MachineLost', message: 'm', endedAt: ago(1) } },
  deleting: {
    status: { ...UP, phase: 'Deleting', reason: 'Deleting', message: 'm', endedAt: ago(1) },
    metadata: { deletionTimestamp: ago(5) },
  },
};

const OUTPUT = printed(`---\nhost: 10.0.0.7\nhost_key: ${UP.hostKeys?.[0] ?? ''}\n`);
const REPORT = JSON.stringify({ hostKeys: UP.hostKeys, engine: 'dnf', architecture: 'x86_64' });

/** The Job that a phase waits for, in this state and, if it has ended, with its log read. */
function job(suffix: string, state: JobState): Parts {
  const said = suffix === 'new' ? OUTPUT : suffix === 'probe' ? REPORT : '';
  const ended =
    state === 'runs' ? {} : { facts: logOf(suffix, state === 'succeeds' ? said : 'why', state === 'succeeds' ? 0 : 1) };
  return { jobs: [aJob(suffix, state)], ...ended };
}

function driver(state: DriverState): Parts {
  return { pod: aDriver(state) };
}

const SUFFIXES = ['new', 'probe', 'clean-2', 'delete-0'];
const STATES: JobState[] = ['runs', 'succeeds', 'fails', 'times out', 'hangs'];

const EVENTS: Record<string, Parts> = {
  nothing: {},
  'ticket closed': { ticket: closed() },
  'ticket gone': { ticket: undefined },
  'claim removed': { spec: FREE },
  'pool gone': { pool: undefined },
  'pool without reuse': { pool: aCommandPool() },
  'is deleted': { metadata: { deletionTimestamp: ago(1) } },
  'driver starts': driver('starts'),
  'driver runs': driver('runs'),
  'driver ends': driver({ exitCode: 0 }),
  'driver fails': driver({ exitCode: 1 }),
  'driver says lost': driver({ exitCode: 21 }),
  'driver says key': driver({ exitCode: 22 }),
  'driver says lost, ticket closed': { ...driver({ exitCode: 21 }), ticket: closed() },
  'driver runs, ticket closed': { ...driver('runs'), ticket: closed() },
  ...Object.fromEntries(
    SUFFIXES.flatMap((suffix) => STATES.map((state) => [`${suffix.replace(/-\d/, '')} ${state}`, job(suffix, state)])),
  ),
};

interface Case {
  phase: string;
  event: string;
  world: MachineWorld;
  plan: MachinePlan;
}

const CASES: Case[] = Object.entries(PHASES).flatMap(([phase, parts]) =>
  Object.entries(EVENTS).map(([event, more]) => {
    const world = aWorld({ ...parts, ...more });
    return { phase, event, world, plan: planMachine(world, NOW) };
  }),
);

function words({ status, createJobs, ...plan }: MachinePlan): string {
  const session = status?.session === undefined ? '' : ` session ${status.session.phase}/${status.session.reason}`;
  const did = [
    plan.addFinalizer && 'add finalizer',
    plan.read && `read ${plan.read.metadata.name.replace('cloud-00000007-', '')}`,
    plan.forget && 'forget',
    plan.deletePod && 'delete pod',
    plan.deleteSecrets && 'delete secret',
    plan.createDriver && 'create pod',
    ...createJobs.map(
      ({ metadata }) => `run ${metadata.name.replace('cloud-00000007-', '').replace(/check-\d+/, 'check')}`,
    ),
    plan.freeClaim && 'take claim off',
    status && `${status.phase}/${status.reason}${session}`,
    plan.deleteBuilder && 'delete machine',
    plan.dropFinalizer && 'drop finalizer',
  ].filter((word) => typeof word === 'string');
  return did.length === 0 ? 'wait' : did.join(', ');
}

describe('the life of a machine', () => {
  it('is as agreed for every phase and every event', async () => {
    const lines = Object.keys(PHASES).flatMap((phase) => {
      const own = CASES.filter((each) => each.phase === phase);
      const usual = words(own[0]?.plan ?? NOTHING);
      const others = own.filter(({ plan, event }) => event !== 'nothing' && words(plan) !== usual);
      return [`${phase}: ${usual}`, ...others.map(({ event, plan }) => `  ${event}: ${words(plan)}`), ''];
    });
    await expect(lines.join('\n')).toMatchFileSnapshot('testdata/life.txt');
  });

  const only = (condition: (each: Case) => boolean) =>
    CASES.filter(condition).map(({ phase, event }) => `${phase}: ${event}`);

  it('ends only when the hook "delete" has succeeded', () => {
    expect(only(({ plan }) => plan.dropFinalizer === true)).toEqual(['deleting: delete succeeds']);
  });

  it('begins with "new" once, in a Builder that was never begun', () => {
    const made = CASES.filter(({ plan }) => plan.createJobs.some(({ metadata }) => metadata.name.endsWith('-new')));
    expect(new Set(made.map(({ phase }) => phase))).toEqual(new Set(['new']));
    expect(made.every(({ world }) => !world.jobs.some(({ metadata }) => metadata.name.endsWith('-new')))).toBe(true);
  });

  it('gives a stage one pod', () => {
    const driven = CASES.filter(({ plan }) => plan.createDriver === true);
    expect(new Set(driven.map(({ phase }) => phase))).toEqual(new Set(['claimed']));
    expect(driven.every(({ world }) => world.pod === undefined && world.ticket?.spec.closed === false)).toBe(true);
  });

  it('lets go of a claim only when the machine is clean, and never of its sandbox', () => {
    expect(only(({ plan }) => plan.freeClaim === true)).toEqual(['releasing: clean succeeds']);
  });

  it('is Ready only when it was made and answers, or is clean', () => {
    const ready = CASES.filter(
      ({ plan, world }) => plan.status?.phase === 'Ready' && world.builder.status?.phase !== 'Ready',
    );
    const allowed = new Set(['probing: probe succeeds', 'releasing: clean succeeds', 'releasing: claim removed']);
    const others = ready.filter(
      ({ phase, event }) => phase !== 'claim taken off' && !allowed.has(`${phase}: ${event}`),
    );
    expect(others.map(({ phase, event }) => `${phase}: ${event}`)).toEqual([]);
  });

  it('is never cleaned or deleted while a pod drives it', () => {
    const busy = CASES.filter(({ world: { pod } }) => ['Pending', 'Running'].includes(pod?.status?.phase ?? ''));
    const runs = busy.flatMap(({ plan }) => plan.createJobs.map(({ metadata }) => metadata.name));
    expect(runs.filter((name) => /-delete-/.test(name))).toEqual([]);
    expect(busy.filter(({ plan, phase }) => phase !== 'releasing' && plan.status?.phase === 'Releasing')).toEqual([]);
  });

  it('is never cleaned for another use when its driver has given it up', () => {
    const given = CASES.filter(({ phase, event }) => phase === 'driver gave up' || event.startsWith('driver says'));
    expect(given.filter(({ plan }) => plan.status?.phase === 'Releasing')).toEqual([]);
  });

  it('never returns from Lost or Deleting', () => {
    const ended = CASES.filter(({ phase }) => phase === 'lost' || phase === 'deleting');
    const phases = new Set(ended.map(({ plan }) => plan.status?.phase));
    expect(phases).toEqual(new Set([undefined, 'Deleting']));
  });

  it('never has the log of a Job that it deletes first', () => {
    for (const { plan, phase, event } of CASES) {
      const { read } = plan;
      if (read !== undefined) expect(plan.keep, `${phase}: ${event}`).toContain(read.metadata.name);
    }
  });

  it('always comes back to what it waits for', () => {
    const waits = CASES.filter(({ plan }) => plan.requeueAfterMs !== undefined);
    expect(waits.every(({ plan }) => (plan.requeueAfterMs ?? 0) > 0)).toBe(true);
  });
});
