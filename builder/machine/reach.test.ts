import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { DeadlineError } from '../../lib/errors.ts';
import type { MachineTarget } from '../../lib/protocol/machine.ts';
import { DRIVER_HOST_KEY, DRIVER_MACHINE_LOST, driverLimitSeconds, probeReport } from '../../lib/protocol/machine.ts';
import type { Chroot } from '../testing/chroot.ts';
import { openChroot } from '../testing/chroot.ts';
import { hastyClock, temporaryDirectory, tool } from '../testing/context.ts';
import type { MachineRig } from '../testing/machine-rig.ts';
import { eventually, openMachineRig } from '../testing/machine-rig.ts';
import type { SshMachine } from '../testing/ssh-machine.ts';
import { startSshMachine } from '../testing/ssh-machine.ts';
import { readAccess } from './access.ts';
import { checkCommand, probeCommand } from './commands.ts';
import { Connection } from './connection.ts';
import { ConnectionLost } from './errors.ts';

/** What goes over a real sshd, without a build. */

const FIXTURES = join(import.meta.dirname, '..', '..', 'test', 'fixtures', 'build.ts');
const OTHER_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIATFAcJ86MI67hYWTDRL5uOHhEGOlzQH19QCp0BmE9SL';

let chroot: Chroot;
let machine: SshMachine;
let rig: MachineRig;
let scratch: Awaited<ReturnType<typeof temporaryDirectory>>;
const left: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  scratch = await temporaryDirectory();
  await tool(scratch.path, process.execPath, FIXTURES, join(scratch.path, 'fixtures'));
  chroot = await openChroot('13-x86_64');
  machine = await startSshMachine(chroot, { keyTypes: ['rsa', 'ecdsa', 'ed25519'] });
  rig = await openMachineRig({
    fixtures: join(scratch.path, 'fixtures'),
    name: 'words',
    repos: [],
    keyFile: machine.keyFile,
    target: machine.target(),
  });
}, 900_000);
afterAll(async () => {
  await rig?.remove();
  await machine?.remove();
  await chroot?.remove();
  await scratch?.remove();
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const one of left.splice(0)) await one();
});

async function open(overrides: Partial<MachineTarget> = {}, of = machine): Promise<Connection> {
  const files = { sshKeyFile: of.keyFile, knownHostsFile: join(rig.path, 'known_hosts') };
  const access = await readAccess(JSON.stringify(of.target(overrides)), files, { firstUse: true });
  const connection = await Connection.open(access, systemClock);
  left.push(() => connection.close());
  return connection;
}

/** What a command says on its standard output and error while it runs. */
async function said(work: () => Promise<number>): Promise<{ code: number; stdout: string; stderr: string }> {
  const heard = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      heard[name] += String(text);
      return true;
    });
  }
  const code = await work();
  vi.restoreAllMocks();
  return { code, ...heard };
}

describe('a connection', { timeout: 120_000 }, () => {
  it('runs programs with exactly the arguments and the input that they are given', async () => {
    const connection = await open();
    const words = ['printf', '%s|', '$(id)', "it's", 'a\nb', '*', '', '`x`', '\\', 'ü'];
    expect((await connection.exec(words, { what: 'a test', timeoutMs: 30_000 })).stdout.toString()).toBe(
      "$(id)|it's|a\nb|*||`x`|\\|ü|",
    );
    const input = Buffer.alloc(3_000_000, 'x');
    const counted = { what: 'counting', timeoutMs: 30_000, input };
    expect((await connection.exec(['wc', '-c'], counted)).stdout.toString().trim()).toBe('3000000');
    const streamed = { ...counted, input: Readable.from([input, input]) };
    expect((await connection.exec(['wc', '-c'], streamed)).stdout.toString().trim()).toBe('6000000');
    const failing = await connection.exec(['sh', '-c', 'echo no >&2; exit 7'], { what: 'failing', timeoutMs: 30_000 });
    expect(failing).toMatchObject({ code: 7, stderr: 'no\n' });
  });

  it('hears what short programs say, however fast they are', async () => {
    const connection = await open();
    for (let round = 0; round < 50; round++) {
      const { code, stdout } = await connection.exec(['echo', String(round)], { what: 'an echo', timeoutMs: 30_000 });
      expect([code, stdout.toString()]).toEqual([0, `${round}\n`]);
    }
  });

  it('ends a program that takes too long, by its name, and one that says too much', async () => {
    const late = (await open()).exec(['sleep', '60'], { what: 'a long sleep', timeoutMs: 300 });
    await expect(late).rejects.toThrow(DeadlineError);
    await expect(late).rejects.toThrow(/^a long sleep did not finish/);
    const loud = (await open()).exec(['cat', '/dev/zero'], { what: 'a flood', timeoutMs: 30_000, maxBytes: 1000 });
    await expect(loud).rejects.toThrow('a flood answered with more than 1000 bytes');
  });

  it('that is lost ends what was under way', async () => {
    const connection = await open();
    const sleeping = connection.exec(['sleep', '60'], { what: 'a sleep', timeoutMs: 60_000 });
    sleeping.catch(() => undefined);
    await machine.root('pkill -KILL -f "sshd: roo[t]"');
    await expect(sleeping).rejects.toThrow(ConnectionLost);
    await expect(connection.exec(['true'], { what: 'more', timeoutMs: 1000 })).rejects.toThrow(ConnectionLost);
  });

  it.each([0, 1, 2])('is made with any host key of which one is known (%i)', async (index) => {
    const known = machine.hostKeys[index] ?? '';
    expect((await open({ hostKeys: [known] })).hostKey).toBe(known);
  });

  it('is not made with a user that the key does not open, nor with a port where nobody listens', async () => {
    await expect(open({ user: 'nobody' })).rejects.toThrow(/does not take the SSH key for the user nobody/);
    const dead = await startSshMachine(chroot);
    await dead.remove();
    await expect(open({ port: dead.port })).rejects.toThrow(ConnectionLost);
  });
});

describe('the commands', { timeout: 120_000 }, () => {
  const run = (command: typeof probeCommand, overrides: Partial<MachineTarget> = {}) =>
    said(() => rig.run(command, { target: machine.target(overrides) }));

  it('probe says how the machine is known and what it is, in its last line', async () => {
    const { code, stdout } = await run(probeCommand);
    expect(code).toBe(0);
    expect(probeReport.parse(JSON.parse(stdout))).toEqual({
      hostKeys: [machine.hostKeys[2]],
      engine: 'dnf',
      architecture: 'x86_64',
    });
  });

  it('probe believes the first host key where the pool says so, and nobody else does', async () => {
    const unknown = { hostKeys: [], trustFirstUse: true };
    const { stdout } = await run(probeCommand, unknown);
    expect(machine.hostKeys).toContain(probeReport.parse(JSON.parse(stdout)).hostKeys[0]);
    expect(await run(checkCommand, unknown)).toMatchObject({
      code: DRIVER_HOST_KEY,
      stderr: expect.stringMatching(/no host key is known/),
    });
    await expect(rig.run(probeCommand, { target: machine.target({ hostKeys: [] }) })).rejects.toThrow(
      /no host key is known/,
    );
  });

  it('probe waits for what the machine lacks, and says what that is at the end', async () => {
    const probing = rig.run(probeCommand, { target: machine.target({ engine: 'mock' }) });
    const outcome = expect(probing).rejects.toThrow(/has no mock; install it/);
    await eventually('the first look', () => rig.logged().includes('the machine is not ready'));
    rig.ending.abort(new Error('ended by SIGTERM'));
    await outcome;
    rig.ending = new AbortController();
  });

  it('check succeeds for a machine that answers, also by known_hosts', async () => {
    expect(await run(checkCommand)).toMatchObject({ code: 0 });
    await writeFile(join(rig.path, 'known_hosts'), `[127.0.0.1]:${machine.port} ${machine.hostKeys[0]}\n`);
    expect(await run(checkCommand, { hostKeys: [] })).toMatchObject({ code: 0 });
    await writeFile(join(rig.path, 'known_hosts'), `@revoked * ${machine.hostKeys[0]}\n`);
    expect(await run(checkCommand, { hostKeys: machine.hostKeys.slice(0, 1) })).toMatchObject({
      code: DRIVER_HOST_KEY,
      stderr: expect.stringMatching(/marks as revoked/),
    });
    await writeFile(join(rig.path, 'known_hosts'), '');
  });

  it.each([
    [
      'another key',
      [OTHER_KEY],
      /shows the host key SHA256:\S+ \(ssh-ed25519\), which is none of those it is known by/,
    ],
    ['a type of key that it has not', ['ecdsa-sha2-nistp521 AAAA'], /shows host keys of other types/],
  ])('end at once with a code of their own when the machine is known by %s', async (_what, hostKeys, problem) => {
    expect(await run(checkCommand, { hostKeys })).toMatchObject({
      code: DRIVER_HOST_KEY,
      stderr: expect.stringMatching(problem),
    });
    expect(await rig.run(undefined, { target: machine.target({ hostKeys }) })).toBe(DRIVER_HOST_KEY);
  });

  it('give a machine up that cannot be reached', async () => {
    const dead = await startSshMachine(chroot);
    await dead.remove();
    expect(await run(checkCommand, { port: dead.port, reconnectSeconds: 1 })).toMatchObject({
      code: DRIVER_MACHINE_LOST,
      stderr: expect.stringMatching(/was not reached for \d+ s: connecting to machine-1 at 127\.0\.0\.1/),
    });
  });

  it('give a build up in time to be tried again, however long its machine may be away', async () => {
    const dead = await startSshMachine(chroot);
    await dead.remove();
    const target = machine.target({ port: dead.port, reconnectSeconds: 86_400 });
    expect(await rig.run(undefined, { target, clock: hastyClock() })).toBe(1);
    expect(rig.logged()).toContain(`the build on the machine did not finish within ${driverLimitSeconds(300)} s`);
    expect(await rig.verdict()).toBeUndefined();
  });

  it('say that a machine forwards no ports', async () => {
    const closed = await startSshMachine(chroot, { config: ['AllowTcpForwarding no'] });
    left.push(() => closed.remove());
    expect(await rig.run(undefined, { target: closed.target(), keyFile: closed.keyFile })).not.toBe(0);
    expect(rig.logged()).toMatch(/forwards no ports; set AllowTcpForwarding to yes or remote/);
  });

  it('refuse a work directory that others could write to', async () => {
    const shared = await startSshMachine(chroot);
    left.push(() => shared.remove());
    await shared.root('mkdir /var/tmp/kopr && chown 1000 /var/tmp/kopr');
    const { code, stderr } = await said(() =>
      rig.run(checkCommand, { target: shared.target(), keyFile: shared.keyFile }),
    );
    expect([code, stderr]).toEqual([1, expect.stringMatching(/is not a directory of root alone; remove it/)]);
  });
});
