import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { machineTarget } from '../../lib/protocol/machine.ts';
import type { Job } from '../../operator/core.ts';
import { INSTALLATION } from '../testing/objects.ts';
import type { Hook } from './job.ts';
import { hookJob, hookMachineOf, WRAPPER } from './job.ts';
import { jobName } from './names.ts';
import { outputOf } from './output.ts';
import { machineTargetOf, probeJob } from './probe.ts';
import { aCommandPool, aHostsPool, aMachine, HOST_KEY, SSH } from './testing/objects.ts';

/** A change of these files is a change of what runs with credentials of a cloud: look at it, then accept it. */

const pool = aCommandPool({
  secretName: 'cloud-credentials',
  env: [
    { name: 'REGION', value: 'eu' },
    { name: 'RESALLOC_NAME', value: 'not this' },
  ],
  list: { command: ['/hooks/list'], timeoutSeconds: 120 },
});
const machine = aMachine({
  spec: { machine: { index: 2, counters: { 'ip slot': 5 } } },
  status: { data: 'MTAuMC4wLjcK', address: '10.0.0.7:22', hostKeys: [HOST_KEY] },
});

function yaml(job: Job): string {
  return stringify(job, { aliasDuplicateObjects: false });
}

function variables(job: Job): Record<string, string> {
  const env = job.spec.template.spec.containers[0]?.env as { name: string; value: string }[];
  return Object.fromEntries(env.map(({ name, value }) => [name, value]));
}

function jobOf(hook: Hook, timeoutSeconds?: number): Job {
  const whose = hook === 'list' ? {} : { machine: hookMachineOf(machine) };
  return hookJob({ name: `job-${hook}`, hook, pool, ...whose, ...(timeoutSeconds ? { timeoutSeconds } : {}) });
}

describe('the Job of a hook', () => {
  it('is as agreed', async () => {
    await expect(yaml(jobOf('delete'))).toMatchFileSnapshot('testdata/hook-delete.yaml');
  });

  it('tells the hook what Resalloc tells it', () => {
    expect(variables(jobOf('delete'))).toEqual({
      HOME: '/tmp',
      REGION: 'eu',
      RESALLOC_ID: '7',
      RESALLOC_NAME: 'cloud-00000007',
      RESALLOC_POOL_ID: 'cloud',
      RESALLOC_ID_IN_POOL: '2',
      RESALLOC_RESOURCE_DATA: 'MTAuMC4wLjcK',
      RESALLOC_NAMED_COUNTER_ip_slot: '5',
      NAMED_COUNTER_VALUE_ip_slot: '5',
    });
  });

  it('has no data of a machine that is to be made, and nothing of one for a whole pool', () => {
    expect(variables(jobOf('new'))).not.toHaveProperty('RESALLOC_RESOURCE_DATA');
    expect(variables(jobOf('list'))).toEqual({
      HOME: '/tmp',
      REGION: 'eu',
      RESALLOC_NAME: 'not this',
      RESALLOC_POOL_ID: 'cloud',
    });
  });

  it('gives scripts to the hook as they were written, whatever Kubernetes makes of dollar signs', () => {
    const script = 'echo $$ $(date) $REGION';
    const written = aCommandPool({ new: { command: ['/bin/sh', '-c', script], timeoutSeconds: 60 } });
    const made = hookJob({ name: 'j', hook: 'new', pool: written, machine: hookMachineOf(machine) });
    const last = made.spec.template.spec.containers[0]?.command?.at(-1);
    expect(last).toBe('echo $$$$ $$(date) $$REGION');
    expect(WRAPPER).not.toMatch(/\$[$(]/);
  });

  it('is ended by the deadline that comes first, its own or that of its pool', () => {
    expect(jobOf('list').spec.activeDeadlineSeconds).toBe(120);
    expect(jobOf('list', 7).spec.activeDeadlineSeconds).toBe(7);
    expect(jobOf('list', 9000).spec.activeDeadlineSeconds).toBe(120);
  });

  it('runs once, with no credential of the cluster', () => {
    const { spec } = jobOf('new');
    expect(spec.backoffLimit).toBe(0);
    expect(spec.template.spec).toMatchObject({
      restartPolicy: 'Never',
      hostUsers: false,
      automountServiceAccountToken: false,
    });
  });

  it('cannot be made for a hook that the pool does not have', () => {
    expect(() => jobOf('release')).toThrow('BuilderPool cloud has no hook "release"');
  });
});

describe('the Job of kopr’s own image', () => {
  it('is as agreed', async () => {
    const ssh = { ...SSH, hostKeys: 'KnownHosts' as const, knownHostsSecretName: 'known' };
    const rack = aHostsPool({ ssh });
    const host = aMachine({
      spec: { pool: 'rack', machine: { index: 1, host: 'm1', slot: 2 } },
      status: { address: 'm1.example:22' },
      metadata: { name: 'rack-m1-2' },
    });
    const target = machineTargetOf(host, rack);
    if (target === undefined) throw new Error('no target');
    expect(machineTarget.parse(target)).toEqual(target);
    const job = probeJob({
      name: 'rack-m1-2-clean-1',
      command: 'clean',
      pool: rack,
      builder: host,
      target,
      timeoutSeconds: 300,
      installation: INSTALLATION,
    });
    await expect(yaml(job)).toMatchFileSnapshot('testdata/ssh-clean.yaml');
  });

  it.each([
    ['clean', 'in time to say so before its deadline', 300, 240],
    ['clean', 'after half of a short time', 40, 20],
    ['clean', 'at once when there is no time', 0, 1],
    ['clean', 'when the pool would', 7200, 600],
    ['check', 'when the pool would, since its own limit is another', 30, 600],
  ] as const)('%s gives a machine up that is away %s (of %i s)', (command, _when, timeoutSeconds, seconds) => {
    const target = machineTargetOf(machine, pool);
    if (target === undefined) throw new Error('no target');
    const common = { name: 'cloud-00000007-x', pool, builder: machine, target, installation: INSTALLATION };
    const { KOPR_MACHINE = '' } = variables(probeJob({ ...common, command, timeoutSeconds }));
    expect(JSON.parse(KOPR_MACHINE)).toEqual({ ...target, reconnectSeconds: seconds });
  });

  it('trusts what it is shown only if the pool says so and nothing is known yet', () => {
    const first = aCommandPool({}, { ssh: { ...SSH, hostKeys: 'FirstUse' } });
    const unknown = aMachine({ status: { address: '10.0.0.7:22' } });
    expect(machineTargetOf(unknown, first)?.trustFirstUse).toBe(true);
    expect(machineTargetOf(machine, first)?.trustFirstUse).toBe(false);
    expect(machineTargetOf(unknown, pool)?.trustFirstUse).toBe(false);
  });

  it('cannot be made while nobody knows where the machine is', () => {
    expect(machineTargetOf(aMachine(), pool)).toBeUndefined();
    expect(machineTargetOf(machine, undefined)).toBeUndefined();
  });
});

describe('the name of a Job', () => {
  it('is the name of the machine and what the Job does', () => {
    expect(jobName('cloud-00000007', 'new')).toBe('cloud-00000007-new');
  });

  it('fits into a label and stays different for different machines', () => {
    const long = [`${'a'.repeat(70)}1`, `${'a'.repeat(70)}2`].map((name) => jobName(name, 'check-1764400000'));
    expect(new Set(long).size).toBe(2);
    for (const name of [...long, jobName('pool.of.mine-1', 'new')]) expect(name).toMatch(/^[a-z0-9-]{1,63}$/);
  });
});

describe('the wrapper of hooks', () => {
  function run(script: string): { status: number; log: string } {
    const wrapper = WRAPPER.replaceAll('/kopr/hook/stdout', '"$OUT"');
    const shell = `OUT=$(mktemp); trap 'rm -f "$OUT"' EXIT; (${wrapper})`;
    try {
      return { status: 0, log: execFileSync('/bin/sh', ['-c', shell, 'hook', '/bin/sh', '-c', script]).toString() };
    } catch (error) {
      const { status, stdout } = error as { status: number; stdout: Buffer };
      return { status, log: stdout.toString() };
    }
  }

  it('shows the output after what was said, unchanged', () => {
    const { status, log } = run("printf 'a b\\n \\\\n\\n--- x'; echo said >&2");
    expect(status).toBe(0);
    expect(log).toMatch(/^said\n/);
    expect(outputOf(log)).toBe('a b\n \\n\n--- x\n');
  });

  it('ends as the hook does, and keeps the output of one that fails to itself', () => {
    expect(run('echo secret; echo why >&2; exit 7')).toEqual({ status: 7, log: 'why\n' });
  });

  it('passes arguments on as they are', () => {
    expect(outputOf(run('echo "$0"').log)).toBe('/bin/sh\n');
  });
});
