import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { DRIVER_MACHINE_LOST } from '../../lib/protocol/machine.ts';
import type { Cuttable } from '../testing/cuttable.ts';
import { cuttable } from '../testing/cuttable.ts';
import { baseRepo } from '../testing/engine-build.ts';
import type { MachineRig, RigOptions } from '../testing/machine-rig.ts';
import { eventually, openMachineRig } from '../testing/machine-rig.ts';
import type { SshMachine } from '../testing/ssh-machine.ts';
import { startSshMachine } from '../testing/ssh-machine.ts';
import type { Workshop } from '../testing/workshop.ts';
import { openWorkshop } from '../testing/workshop.ts';
import { cleanCommand } from './commands.ts';

/** Whole builds over a real sshd, with the dnf and rpmbuild of the test distribution on the far side. */

const SUDO = '#!/bin/sh\n[ "$1" = -n ] || exit 1\nshift\nexec "$@"\n';
const LOG = '/var/tmp/kopr/1/box/results/builder-live.log';

let workshop: Workshop;
let machine: SshMachine;
const left: (() => Promise<void>)[] = [];

beforeAll(async () => {
  workshop = await openWorkshop();
  machine = await startSshMachine(workshop.chroot, { programs: { 'usr/bin/sudo': SUDO } });
}, 900_000);
afterAll(async () => {
  await machine?.remove();
  await workshop?.close();
});
afterEach(async () => {
  for (const one of left.splice(0)) await one();
});

async function rigFor(name: string, options: Partial<RigOptions> = {}): Promise<MachineRig> {
  const rig = await openMachineRig({
    fixtures: join(workshop.scratch, 'fixtures'),
    name,
    repos: [baseRepo(workshop.chroot)],
    keyFile: machine.keyFile,
    target: machine.target(),
    ...options,
  });
  left.push(() => rig.remove());
  return rig;
}

async function network(): Promise<Cuttable> {
  const made = await cuttable(machine.port);
  left.push(() => made.close());
  return made;
}

/** The log without what the pod itself said before. */
async function copied(rig: MachineRig): Promise<string> {
  return (await rig.text('builder-live.log')).replace(/^kopr: phase fetch\nkopr: phase machine: machine-1\n/, '');
}

const times = (text: string, what: RegExp): number => [...text.matchAll(what)].length;
const slow = (text: string): string => text.replace('seq 1 20', 'seq 1 8');

describe('a build on a machine', { timeout: 400_000 }, () => {
  it('brings packages, logs and the verdict, and lets the package reach no network', async () => {
    const rig = await rigFor('offline', { target: machine.target({ user: 'admin' }) });
    await rig.sayUploaded();
    expect(await rig.run(), rig.logged()).toBe(0);
    expect(await rig.verdict(), await rig.text('builder-live.log')).toEqual({
      outcome: 'succeeded',
      reason: 'Succeeded',
      message: 'the packages were built',
      exitCode: 0,
    });
    expect((await rig.names()).filter((name) => !name.includes('debug'))).toEqual([
      'bootstrap.log',
      'build.log',
      'builder-live.log',
      'hw_info.log',
      'installed_pkgs.log',
      'offline-1.0-1.pb13.src.rpm',
      'offline-1.0-1.pb13.x86_64.rpm',
      'offline.spec',
      'root.log',
      'verdict.json',
    ]);
    const log = await copied(rig);
    expect(log).toBe(await machine.root(`cat ${LOG}`).then((text) => `${text}\n`));
    expect(log).toContain('isolation of processes: full; network while building: no');
    // Its run has ended by itself, since the driver has said that all is fetched.
    await eventually(
      'the end of the run',
      async () => (await machine.root('cat /var/tmp/kopr/1/state || true')) === '0',
    );
  });

  it('has its whole log and is built once, although the connection breaks twice', async () => {
    const wire = await network();
    const target = machine.target({ port: wire.port, keepAliveSeconds: 1, connectTimeoutSeconds: 5 });
    const rig = await rigFor('slow', { target, spec: slow, task: '0f8fad5b-d9cb-469f-a165-70867728950e.2' });
    await rig.sayUploaded();
    const running = rig.run();
    await eventually('the bootstrap', async () => (await rig.text('builder-live.log')).includes('Installing:'));
    wire.cut();
    await eventually('the loss', () => times(rig.logged(), /is not reached/g) > 1);
    wire.mend();
    await eventually('the build', async () => (await rig.text('builder-live.log')).includes('building: second 2'));
    const before = times(rig.logged(), /is not reached/g);
    wire.freeze();
    await eventually('the silence', () => times(rig.logged(), /is not reached/g) > before);
    wire.mend();
    expect(await running, rig.logged()).toBe(0);
    expect(await rig.verdict()).toMatchObject({ outcome: 'succeeded' });
    const log = await copied(rig);
    expect(log).toBe(`${await machine.root(`cat ${LOG}`)}\n`);
    expect(times(log, /^kopr: phase bootstrap /gm)).toBe(1);
    expect(times(log, /^kopr: phase rpmbuild /gm)).toBe(1);
    expect(times(log, /^still building: second 2$/gm)).toBe(1);
  });

  it('is finished by another driver when the first is killed, beside one of another slot', async () => {
    const task = '0f8fad5b-d9cb-469f-a165-70867728950e.3';
    const other = await rigFor('words', {
      target: machine.target({ slot: 2 }),
      task: '0f8fad5b-d9cb-469f-a165-70867728950e.4',
    });
    await other.sayUploaded();
    const beside = other.run();
    const first = await rigFor('slow', { spec: slow, task });
    const killed = spawn(process.execPath, [join(import.meta.dirname, '..', 'main.ts'), 'machine'], {
      env: { ...first.environment() },
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => killed.on('close', resolve));
    await eventually('the bootstrap', async () => (await first.text('builder-live.log')).includes('phase bootstrap'));
    killed.kill('SIGKILL');
    await ended;
    const second = await rigFor('slow', { spec: slow, task });
    await second.sayUploaded();
    expect(await second.run(), second.logged()).toBe(0);
    expect(await second.verdict()).toMatchObject({ outcome: 'succeeded' });
    const log = await copied(second);
    expect(times(log, /^kopr: phase bootstrap /gm)).toBe(1);
    expect(log.startsWith(await copied(first))).toBe(true);
    expect(await beside, other.logged()).toBe(0);
    expect(await other.verdict()).toMatchObject({ outcome: 'succeeded' });
    expect(await other.names()).toContain('words-3.1-1.pb13.noarch.rpm');
  });

  it('has one time limit for its build root and its package', async () => {
    const rig = await rigFor('slow', { task: '0f8fad5b-d9cb-469f-a165-70867728950e.6', timeoutSeconds: 1000 });
    const running = rig.run();
    await eventually('the build', async () => (await rig.text('builder-live.log')).includes('building: second 1'));
    const begun = /^kopr: phase bootstrap at (.+)$/m.exec(await rig.text('builder-live.log'))?.[1] ?? '';
    const variables = await machine.root('cat "/proc/$(pgrep -o -f plan/engine.sh)/environ"');
    const deadline = Number(/KOPR_DEADLINE=([0-9]+)/.exec(variables)?.[1]);
    expect(deadline).toBeLessThanOrEqual(Date.parse(begun) / 1000 + 1000);
    rig.ending.abort(new Error('ended by SIGTERM'));
    expect(await running).toBe(1);
  });

  it('that is cancelled ends there too, and cleaning leaves nothing of it', async () => {
    const rig = await rigFor('slow', { task: '0f8fad5b-d9cb-469f-a165-70867728950e.5' });
    const running = rig.run();
    await eventually('the build', async () => (await rig.text('builder-live.log')).includes('building: second 1'));
    // As the scripts of a package might: something that outlives everything else, and files where everybody may write.
    await machine.root(`first=$(stat -c %u /var/tmp/kopr/1/box/results)
      setsid setpriv --reuid "$first" --regid "$first" --clear-groups -- sleep 4711 >/dev/null 2>&1 &
      setsid sh -c 'cd /var/tmp/kopr/1/box && exec sleep 4712' >/dev/null 2>&1 &
      for place in /tmp /var/tmp /dev/shm; do touch "$place/stray" && chown "$first" "$place/stray"; done
      touch /tmp/kept`);
    expect(await machine.root('pgrep -f "^sleep 471" | wc -l')).toBe('2');
    rig.ending.abort(new Error('ended by SIGTERM'));
    expect(await running).toBe(1);
    expect(await rig.verdict()).toBeUndefined();
    expect(await machine.root('pgrep -f "[r]pmbuild|^sleep 471" || true')).toBe('');
    const cleaner = await rigFor('slow');
    for (const slot of [1, 2]) expect(await cleaner.run(cleanCommand, { target: machine.target({ slot }) })).toBe(0);
    expect(await machine.root('cd /var/tmp/kopr && ls -d */* | grep -v /kit- || true')).toBe('');
    expect(await machine.root('grep kopr/ /proc/self/mountinfo | grep -v " / / " || true')).toBe('');
    expect(await machine.root('ls -A /tmp /var/tmp /dev/shm')).toBe('/dev/shm:\n\n/tmp:\nkept\n\n/var/tmp:\nkopr');
    expect(await machine.root('ps -eo comm= | sort -u | grep -v -e sshd -e ps -e sort -e grep -e "^sh$" || true')).toBe(
      '',
    );
    // Once more: what is clean stays so.
    expect(await cleaner.run(cleanCommand)).toBe(0);
  });

  it('that was killed on a machine without user ids to spare leaves nothing that cleaning does not find', async () => {
    const small = await startSshMachine(workshop.chroot, { ids: 65_536 });
    left.push(() => small.remove());
    const rig = await rigFor('slow', { keyFile: small.keyFile, target: small.target() });
    const running = rig.run();
    await eventually('the build', async () => (await rig.text('builder-live.log')).includes('building: second 1'));
    expect(await rig.text('builder-live.log')).toContain('scripts of packages run as its root');
    await small.root('kill -KILL "$(cut -d " " -f 1 /var/tmp/kopr/1/pid)"');
    expect(await running, rig.logged()).toBe(DRIVER_MACHINE_LOST);
    expect(await small.root('pgrep -f "[r]pmbuild" | wc -l')).not.toBe('0');
    expect(await rig.run(cleanCommand)).toBe(0);
    expect(await small.root('pgrep -f "[r]pmbuild|[s]leep" || true')).toBe('');
    expect(await small.root('cd /var/tmp/kopr && ls -d */* | grep -v /kit- || true')).toBe('');
  });

  it('on a machine that dies is given up after its time, so that it is built elsewhere', async () => {
    const mortal = await startSshMachine(workshop.chroot);
    left.push(() => mortal.remove());
    const target = mortal.target({ reconnectSeconds: 3, keepAliveSeconds: 1, connectTimeoutSeconds: 2 });
    const rig = await rigFor('slow', { keyFile: mortal.keyFile, target });
    const running = rig.run();
    await eventually('the bootstrap', async () => (await rig.text('builder-live.log')).includes('phase bootstrap'));
    await mortal.kill();
    const begun = systemClock.monotonic();
    expect(await running, rig.logged()).toBe(DRIVER_MACHINE_LOST);
    expect(systemClock.monotonic() - begun).toBeGreaterThan(2000);
    expect(await rig.verdict()).toBeUndefined();
  });
});
