import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MachineTarget } from '../../lib/protocol/machine.ts';
import { temporaryDirectory, tool } from '../testing/context.ts';
import { parseTarget, readAccess } from './access.ts';
import { HostKeyError } from './errors.ts';
import { hostKeyVerdict } from './host-key.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIATFAcJ86MI67hYWTDRL5uOHhEGOlzQH19QCp0BmE9SL';
const TARGET: MachineTarget = {
  name: 'vm-1',
  host: 'vm1.example.org',
  port: 22,
  user: 'root',
  slot: 1,
  hostKeys: [KEY],
  trustFirstUse: false,
  engine: 'auto',
  repositories: 'Tunnel',
  connectTimeoutSeconds: 30,
  keepAliveSeconds: 15,
  reconnectSeconds: 600,
};

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeAll(async () => {
  directory = await temporaryDirectory();
});
afterAll(() => directory.remove());

async function keyFile(...args: string[]): Promise<string> {
  const file = join(directory.path, `key-${args.join('-').replaceAll('/', '')}`);
  await tool(directory.path, 'ssh-keygen', '-q', '-C', 'test', '-f', file, '-N', '', ...args);
  return file;
}

function access(sshKeyFile: string, target: Partial<MachineTarget> = {}, firstUse = false) {
  const files = { sshKeyFile, knownHostsFile: join(directory.path, 'known_hosts') };
  return readAccess(JSON.stringify({ ...TARGET, ...target }), files, { firstUse });
}

describe('the description of the machine', () => {
  it.each([
    ['', /must be the description of a machine as JSON/],
    ['{}', /is wrong at "name"/],
    [JSON.stringify({ ...TARGET, host: '-oProxyCommand=id' }), /is wrong at "host"/],
    [JSON.stringify({ ...TARGET, user: 'root; id' }), /is wrong at "user"/],
    [JSON.stringify({ ...TARGET, slot: '1/../..' }), /is wrong at "slot"/],
    [JSON.stringify({ ...TARGET, password: 'x' }), /is wrong/],
  ])('%s is refused', (text, problem) => {
    expect(() => parseTarget(text)).toThrow(problem);
  });
});

describe('the private key', () => {
  it.each([
    [['-t', 'ed25519']],
    [['-t', 'rsa', '-b', '2048']],
    [['-t', 'ecdsa']],
    [['-t', 'rsa', '-b', '2048', '-m', 'PEM']],
  ])('may be of the kind that ssh-keygen %j makes', async (args) => {
    expect((await access(await keyFile(...args))).privateKey).toContain('PRIVATE KEY');
  });

  it('that is missing, encrypted, public or no key at all is refused without a word of it', async () => {
    const plain = await keyFile('-t', 'ed25519', '-C', 'plain');
    const encrypted = join(directory.path, 'encrypted');
    await tool(directory.path, 'ssh-keygen', '-q', '-t', 'ed25519', '-f', encrypted, '-N', 'passphrase');
    const other = join(directory.path, 'other');
    await writeFile(other, 'top secret text\n');
    await expect(access(join(directory.path, 'absent'))).rejects.toThrow(/cannot be read; mount the Secret/);
    await expect(access(encrypted)).rejects.toThrow(/holds no private key that can be used; .* without a passphrase/);
    await expect(access(`${plain}.pub`)).rejects.toThrow(/holds a public key; the private one is needed/);
    await expect(access(other)).rejects.toThrow(/holds no private key that can be used/);
    await expect(access(other)).rejects.not.toThrow(/top secret/);
  });
});

describe('the host keys', () => {
  it('are those of the description, else those of known_hosts', async () => {
    const key = await keyFile('-t', 'ed25519', '-C', 'hosts');
    await writeFile(
      join(directory.path, 'known_hosts'),
      `vm1.example.org ${KEY}\n@revoked * ${KEY.replace('S', 'T')}\n`,
    );
    expect(await access(key, { hostKeys: [] })).toMatchObject({ hostKeys: [KEY], revoked: [KEY.replace('S', 'T')] });
    const other = `ssh-rsa ${Buffer.from('another key').toString('base64')}`;
    expect((await access(key, { hostKeys: [other] })).hostKeys).toEqual([other]);
  });

  it('must be known, but when a pool trusts the first use, and then only in the probe', async () => {
    const key = await keyFile('-t', 'ed25519', '-C', 'first');
    await writeFile(join(directory.path, 'known_hosts'), '@cert-authority * ssh-ed25519 AAAA\n');
    await expect(access(key, { hostKeys: [] }, true)).rejects.toThrow(HostKeyError);
    await expect(access(key, { hostKeys: [] }, true)).rejects.toThrow(/certificates of hosts are not supported/);
    await expect(access(key, { hostKeys: [], trustFirstUse: true }, false)).rejects.toThrow(/no host key is known/);
    expect((await access(key, { hostKeys: [], trustFirstUse: true }, true)).hostKeys).toEqual([]);
  });
});

describe('a host key that the machine shows', () => {
  const blob = Buffer.from(KEY.split(' ')[1] ?? '', 'base64');
  const other = Buffer.from(blob).fill(7, 20);

  it('is taken when it is known, whatever the padding of its base64', () => {
    const known = { target: TARGET, hostKeys: [`${KEY}==`], revoked: [] };
    expect(hostKeyVerdict(blob, known)).toEqual({ ok: true, key: KEY });
  });

  it('is refused when it is another one, also of a machine that was trusted on first use', () => {
    for (const trustFirstUse of [true, false]) {
      const verdict = hostKeyVerdict(other, { target: { ...TARGET, trustFirstUse }, hostKeys: [KEY], revoked: [] });
      expect(verdict).toEqual({
        ok: false,
        problem: expect.stringMatching(/SHA256:\S+ \(ssh-ed25519\), which is none of/),
      });
    }
  });

  it('is refused when it is revoked, whoever else knows it', () => {
    const target = { ...TARGET, trustFirstUse: true };
    for (const hostKeys of [[KEY], []]) {
      expect(hostKeyVerdict(blob, { target, hostKeys, revoked: [KEY] })).toMatchObject({
        ok: false,
        problem: expect.stringContaining('marks as revoked'),
      });
    }
  });

  it('is refused when nothing is known and the first use is not trusted', () => {
    expect(hostKeyVerdict(blob, { target: TARGET, hostKeys: [], revoked: [] })).toMatchObject({ ok: false });
    expect(hostKeyVerdict(Buffer.alloc(2), { target: TARGET, hostKeys: [KEY], revoked: [] })).toMatchObject({
      ok: false,
    });
  });
});
