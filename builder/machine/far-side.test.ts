import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import type { Chroot } from '../testing/chroot.ts';
import { openChroot } from '../testing/chroot.ts';
import { temporaryDirectory, tool } from '../testing/context.ts';
import type { SshMachine } from '../testing/ssh-machine.ts';
import { startSshMachine } from '../testing/ssh-machine.ts';
import { readAccess } from './access.ts';
import { Connection } from './connection.ts';
import { MachineRefused } from './errors.ts';
import { FarSide } from './far-side.ts';
import { readKit } from './kit.ts';
import { chooseResults } from './results.ts';

/** The scripts on a machine, one operation after the other over a real sshd. */

const FAR = join(import.meta.dirname, 'far');
const TASK = '0f8fad5b-d9cb-469f-a165-70867728950e.1';

let chroot: Chroot;
let machine: SshMachine;
let scratch: Awaited<ReturnType<typeof temporaryDirectory>>;
const left: (() => void)[] = [];

beforeAll(async () => {
  scratch = await temporaryDirectory();
  chroot = await openChroot('13-x86_64');
  machine = await startSshMachine(chroot);
}, 900_000);
afterAll(async () => {
  await machine?.remove();
  await chroot?.remove();
  await scratch?.remove();
});
afterEach(() => {
  for (const one of left.splice(0)) one();
});

async function open(): Promise<Connection> {
  const files = { sshKeyFile: machine.keyFile, knownHostsFile: join(scratch.path, 'known_hosts') };
  const access = await readAccess(JSON.stringify(machine.target()), files, { firstUse: false });
  const connection = await Connection.open(access, systemClock);
  left.push(() => connection.close());
  return connection;
}

/** The far side of slot 3, which belongs to TASK and has empty results. */
async function farSide(): Promise<FarSide> {
  const far = new FarSide(await open(), await readKit(FAR), { user: 'root', slot: 3 });
  await far.install();
  await far.clean();
  await far.begin(TASK);
  await machine.root('mkdir -p /var/tmp/kopr/3/box/results');
  return far;
}

describe('the far side', { timeout: 120_000 }, () => {
  it('takes the inputs in pieces, and not damaged', async () => {
    const far = await farSide();
    await machine.root(
      'cd /tmp && mkdir -p in/plan in/sources && echo a >in/plan/a && tar -C in -cf in.tar plan sources',
    );
    const size = Number(await machine.root('stat -c %s /tmp/in.tar'));
    const [digest = ''] = (await machine.root('sha256sum </tmp/in.tar')).split(' ');
    const tar = Buffer.from(await machine.root('base64 -w0 /tmp/in.tar'), 'base64');
    await far.receive(TASK, 0, Readable.from([tar.subarray(0, 100)]));
    expect(await far.received(TASK)).toBe(100);
    await expect(far.unpack(TASK, digest)).rejects.toThrow(/have arrived damaged/);
    await far.receive(TASK, 0, Readable.from([tar.subarray(0, 600)]));
    // The same bytes twice, as after a connection that was lost.
    await far.receive(TASK, 500, Readable.from([tar.subarray(500)]));
    expect(await far.received(TASK)).toBe(size);
    await far.unpack(TASK, digest);
    expect(await far.received(TASK)).toBe('all');
    await far.unpack(TASK, digest);
    expect(await machine.root('cat /var/tmp/kopr/3/box/work/plan/a')).toBe('a');
  });

  it('works on one task at a time, and cleans the earlier one away', async () => {
    const far = await farSide();
    await machine.root('mkdir -p /var/tmp/kopr/3/box/work/plan && touch /var/tmp/kopr/3/box/work/old');
    const other = TASK.replace('.1', '.2');
    await expect(far.start(other)).rejects.toThrow(MachineRefused);
    expect(await far.poll(other, 0, 10)).toMatchObject({ state: 'none' });
    await far.begin(other);
    expect(await far.poll(other, 0, 10)).toMatchObject({ state: 'ready' });
    expect(await machine.root('ls /var/tmp/kopr/3/box 2>/dev/null || true')).toBe('');
  });

  it('notices a run that is gone without a word, as after a restart', async () => {
    const far = await farSide();
    await machine.root('cd /var/tmp/kopr/3 && mkdir started && echo "1 1 of-another-boot" >pid');
    expect(await far.poll(TASK, 0, 10)).toMatchObject({ state: 'vanished' });
  });

  it('follows no link among the results, waits for no pipe, and says what is odd', async () => {
    const far = await farSide();
    await machine.root(`cd /var/tmp/kopr/3/box/results && echo fine >build.log && ln -s /etc/shadow secret.log &&
      mkfifo pipe.log && mkdir directory.rpm && : >'odd name.rpm' && : >"$(printf 'a\\nb.rpm')" && : >.hidden.rpm &&
      truncate -s 100G huge.rpm && rm huge.rpm && truncate -s 2M large.rpm && ln -s /etc/shadow builder-live.log`);
    const listing = await far.results(TASK);
    expect(listing.odd).toBe(7);
    expect(listing.lines.map((line) => line.split(' ')[2])).toEqual(['build.log', 'large.rpm']);
    expect(() => chooseResults(listing, false, { maxFileBytes: 1e9, maxTaskBytes: 1e9 })).toThrow(/not plain files/);
    expect(chooseResults(listing, true, { maxFileBytes: 1e6, maxTaskBytes: 1e6 })).toHaveLength(1);
    for (const name of ['secret.log', 'pipe.log', 'directory.rpm', '../../id', '.hidden.rpm']) {
      await expect(far.read(TASK, name, 0, 100, () => undefined)).rejects.toThrow(MachineRefused);
    }
    expect(await far.poll(TASK, 0, 1000)).toMatchObject({ size: 0, log: Buffer.alloc(0) });
    const parts: Buffer[] = [];
    await far.read(TASK, 'build.log', 1, 3, (chunk) => parts.push(chunk));
    expect(Buffer.concat(parts).toString()).toBe('ine');
  });

  it('reads the log from any place on, without change', async () => {
    const far = await farSide();
    await machine.root('head -c 300000 /dev/urandom >/var/tmp/kopr/3/box/results/builder-live.log');
    const whole = await machine.root('sha256sum </var/tmp/kopr/3/box/results/builder-live.log');
    const parts: Buffer[] = [];
    for (let offset = 0; offset < 300_000; ) {
      const { log } = await far.poll(TASK, offset, 70_001);
      parts.push(log);
      offset += log.length;
    }
    await writeFile(join(scratch.path, 'log'), Buffer.concat(parts));
    expect(await tool(scratch.path, 'sh', '-c', 'sha256sum <log')).toBe(whole);
  });

  it('cleans away what is mounted there, too', async () => {
    const far = await farSide();
    await machine.root(
      'mkdir -p /var/tmp/kopr/3/box/mock && mount -t tmpfs x /var/tmp/kopr/3/box/mock && mkdir "/var/tmp/kopr/3/box/mock/a b" && touch /var/tmp/kopr/3/box/mock/file',
    );
    await far.clean();
    expect(
      await machine.root('ls /var/tmp/kopr/3 | grep -v ^kit- || true; grep kopr/3 /proc/self/mountinfo || true'),
    ).toBe('');
  });
});

describe('the scripts for machines', () => {
  const scripts = ['far.sh', 'run.sh', 'bootstrap.sh', 'retry.sh', 'engine-dnf.sh', 'engine-mock.sh'];

  it('are accepted by shellcheck as POSIX shell, with all their parts', async () => {
    const check = [
      '--external-sources',
      '--check-sourced',
      '--source-path=SCRIPTDIR',
      '--shell=sh',
      '--severity=style',
    ];
    expect(await tool(FAR, 'shellcheck', ...check, ...scripts)).toBe('');
  });

  it.each([['dash'], ['bash', '--posix'], ['busybox', 'sh']])('are understood by %s', async (shell, ...flags) => {
    for (const part of await tool(FAR, 'ls').then((names) => names.split('\n'))) {
      expect(await tool(FAR, shell, ...flags, '-n', part)).toBe('');
    }
  });
});
