import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { fetchMetrics } from '../../lib/http/testing/metrics.ts';
import { armor, dearmor } from '../../lib/openpgp/armor.ts';
import { readCertificate } from '../../lib/openpgp/key.ts';
import { decodeV3Signature, decodeV4Signature } from '../../lib/openpgp/signature.ts';
import { SigndError, UnknownKeyError } from '../../lib/signd/client.ts';
import type { CredentialFiles } from '../../lib/signd/credentials.ts';
import { secureContextSource } from '../../lib/signd/credentials.ts';
import { DetachedSigner } from '../../lib/signd/detached.ts';
import { exchange } from '../../lib/signd/exchange.ts';
import { encodeNewRequest, encodeOldRequest } from '../../lib/signd/framing.ts';
import { createTestPki } from '../../lib/signd/testing/pki.ts';
import type { RunningKeygen, Setup } from './testing/process.ts';
import { keygenClient, prepare, signdClient, start } from './testing/process.ts';

const run = promisify(execFile);
const alice = 'alice#hello@copr.test';
const group = '@group#hello@copr.test';
let directory = '';
let setup: Setup;
let keygen: RunningKeygen;
let publisher: CredentialFiles;
let stranger: CredentialFiles;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kopr-keygen-'));
  setup = prepare(directory, { KOPR_KEY_BITS: '4096' });
  publisher = setup.pki.issue('kopr-publisher');
  stranger = setup.pki.issue('kopr-builder');
  keygen = await start(setup, { KOPR_PLAIN_PORT: String(await freePort()), KOPR_PLAIN_PEERS: '127.0.0.0/8' });
  const client = keygenClient(keygen.ports.http, publisher);
  expect(await client.generateKey({ name: 'alice_hello', email: alice })).toBe('created');
  expect(await client.generateKey({ name: '@group_hello', email: group })).toBe('created');
});

afterAll(async () => {
  await keygen?.end('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const signd = (files: CredentialFiles | undefined = publisher): ReturnType<typeof signdClient> =>
  signdClient(keygen.ports.signd, files);
const signer = (): DetachedSigner => new DetachedSigner(signd(), systemClock);
const endpoint = (): Parameters<typeof exchange>[0] => ({
  host: '127.0.0.1',
  port: keygen.ports.signd,
  secureContext: secureContextSource(publisher),
});

function auditOf(
  data: string,
): { event: string; identity: string; peer: string; digest?: string; fingerprint: string }[] {
  return readFileSync(join(data, 'audit.log'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** A keyring of its own with the certificate of `identity` in it. */
async function gpgHome(identity: string): Promise<{ home: string; gpg: (...args: string[]) => Promise<string> }> {
  const home = mkdtempSync(join(directory, 'gnupg-'));
  const certificate = join(home, 'key.asc');
  writeFileSync(certificate, await signd().pubkey(identity));
  const gpg = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await run('gpg', ['--homedir', home, '--batch', '--no-autostart', ...args], {
      timeout: 15_000,
    });
    return stdout + stderr;
  };
  await gpg('--import', certificate);
  return { home, gpg };
}

describe('signd over TLS', () => {
  it('answers a ping', async () => {
    await signd().ping();
    expect((await exchange(endpoint(), encodeNewRequest([Buffer.from('ping')]), 5_000)).out).toEqual(
      Buffer.from('0000', 'hex'),
    );
  });

  it('gives exactly one certificate, which fits the buffer of the real client', async () => {
    const text = await signd().pubkey(alice);
    expect(readCertificate(dearmor('PUBLIC KEY BLOCK', text)).userIds).toEqual([`alice_hello <${alice}>`]);
    expect(text.length).toBeLessThan(8_180);
    const old = await exchange(endpoint(), encodeOldRequest(Buffer.from(alice), Buffer.from('SHA256:PUBKEY')), 5_000);
    expect(old.out.toString()).toBe(text);
  });

  it('makes signatures that gpg verifies, for each hash', async () => {
    const { home, gpg } = await gpgHome(alice);
    const data = randomBytes(100_000);
    writeFileSync(join(home, 'data'), data);
    for (const hash of ['SHA256', 'SHA512'] as const) {
      const signature = await signer().sign(alice, data, { hash });
      writeFileSync(join(home, 'data.sig'), signature);
      expect(await gpg('--verify', join(home, 'data.sig'), join(home, 'data'))).toContain(
        `Good signature from "alice_hello <${alice}>"`,
      );
    }
    writeFileSync(join(home, 'data.asc'), armor('SIGNATURE', await signer().sign(alice, data)));
    expect(await gpg('--verify', join(home, 'data.asc'), join(home, 'data'))).toContain('Good signature');
    writeFileSync(join(home, 'data'), 'changed');
    await expect(gpg('--verify', join(home, 'data.asc'), join(home, 'data'))).rejects.toThrow('BAD signature');
  });

  it('writes a certificate that gpg finds valid, without subkeys, for signing', async () => {
    const { gpg } = await gpgHome(group);
    const listing = await gpg('--with-colons', '--list-keys');
    const pub = listing
      .split('\n')
      .find((line) => line.startsWith('pub:'))
      ?.split(':');
    expect(pub?.slice(2, 4)).toEqual(['4096', '1']);
    expect(pub?.[11]).toContain('SC');
    expect(listing).not.toContain('\nsub:');
    expect(await gpg('--check-sigs')).toContain('1 good signature');
  });

  it('answers v3 packets with class and time copied, and several digests in order', async () => {
    const digests = [1, 2, 3].map((index) => ({
      digest: randomBytes(20),
      time: 1_700_000_000 + index,
      signatureClass: index % 2,
    }));
    const answers = (await signd().sign(alice, 'SHA1', digests)).map(decodeV3Signature);
    const { fingerprint } = await signd().probe(alice);
    for (const [index, answer] of answers.entries()) {
      expect(answer).toMatchObject({
        time: digests[index]?.time,
        signatureClass: digests[index]?.signatureClass,
        hashAlgorithm: 2,
        left16: digests[index]?.digest.subarray(0, 2),
        issuer: fingerprint.subarray(12),
      });
    }
  });

  it('answers the probe in the old form with a v4 packet', async () => {
    const probe = encodeOldRequest(Buffer.from(alice), Buffer.from(`SHA256:${'04'.repeat(32)}@0000000000`));
    const { status, out } = await exchange(endpoint(), probe, 5_000);
    expect(status).toBe(0);
    const certificate = readCertificate(dearmor('PUBLIC KEY BLOCK', await signd().pubkey(alice)));
    expect(decodeV4Signature(out).hashed.toString('hex')).toBe(
      `162104${certificate.fingerprint.toString('hex')}050200000000`,
    );
  });

  it('keeps identities apart that contain each other', async () => {
    const [one, other] = await Promise.all([signd().probe(alice), signd().probe(group)]);
    expect(one.fingerprint).not.toEqual(other.fingerprint);
    await expect(signd().pubkey('#hello@copr.test')).rejects.toThrow(UnknownKeyError);
    await expect(signd().pubkey('lice#hello@copr.test')).rejects.toThrow(UnknownKeyError);
  });

  it('says "unknown key" in the words clients look for', async () => {
    const reply = await exchange(
      endpoint(),
      encodeNewRequest([Buffer.from('pubkey'), Buffer.from('nobody#x@copr.test')]),
      5_000,
    );
    expect(reply).toEqual({ status: 1, out: Buffer.alloc(0), err: 'unknown key: nobody#x@copr.test\n' });
  });

  it('answers a request whose list is broken with one sentence', async () => {
    const reply = await exchange(endpoint(), Buffer.from('00040000000500ff', 'hex'), 5_000);
    expect(reply.status).toBe(1);
    expect(reply.err).toMatch(/^packet size mismatch.*\n$/);
  });

  it('refuses other holders of certificates of the same authority', async () => {
    await expect(signd(stranger).pubkey(alice)).rejects.toThrow(
      new SigndError(1, 'the client certificate kopr-builder is not allowed to use this server'),
    );
  });

  it('refuses certificates of another authority and callers without any', async () => {
    const foreign = createTestPki(join(directory, 'foreign'), 'another authority').issue('kopr-publisher');
    await expect(signd({ ...foreign, ca: publisher.ca }).ping()).rejects.toThrow(/alert|closed|ECONNRESET|empty reply/);
    await expect(signdClient(keygen.ports.signd, undefined).ping()).rejects.toThrow();
    await expect(signd({ ...publisher, ca: foreign.ca }).ping()).rejects.toThrow(/certificate|self.signed/);
  });

  it('makes the signature of an RPM that rpmkeys accepts', async () => {
    const work = mkdtempSync(join(directory, 'rpm-'));
    const specFile = join(work, 'tiny.spec');
    writeFileSync(
      specFile,
      'Name: tiny\nVersion: 1\nRelease: 1\nSummary: t\nLicense: MIT\nBuildArch: noarch\n%description\nt\n%files\n',
    );
    const defines = ['--define', `_topdir ${work}`, '--dbpath', join(work, 'db')];
    await run('rpmbuild', ['-bb', '--define', `_topdir ${work}`, specFile], { timeout: 30_000 });
    const rpm = join(work, 'RPMS', 'noarch', 'tiny-1-1.noarch.rpm');
    const command = [process.execPath, 'node', join(import.meta.dirname, 'testing', 'rpm-sign-command.ts')];
    const args = [keygen.ports.signd, publisher.cert, publisher.key, publisher.ca, alice, '%{__signature_filename}'];
    await run(
      'rpmsign',
      ['--define', '_gpg_name x', '--define', `__gpg_sign_cmd ${[...command, ...args].join(' ')}`, '--addsign', rpm],
      { timeout: 30_000 },
    );
    const certificate = join(work, 'key.asc');
    writeFileSync(certificate, await signd().pubkey(alice));
    const check = ['--define', '_pkgverify_level all', ...defines.slice(2), '-K', rpm];
    await expect(run('rpmkeys', check)).rejects.toThrow();
    execFileSync('rpmkeys', [...defines.slice(2), '--import', certificate], { timeout: 15_000 });
    expect((await run('rpmkeys', check)).stdout).toContain('digests signatures OK');
  });

  it('serves plain TCP to allowed networks', async () => {
    expect(await signdClient(keygen.ports.plain ?? 0, undefined).pubkey(alice)).toBe(await signd().pubkey(alice));
  });

  it('records every signature with peer, identity, digest and key before it is given', async () => {
    const digest = randomBytes(32);
    await signd().sign(alice, 'SHA256', [{ digest, time: 1 }]);
    const { fingerprint } = await signd().probe(alice);
    const records = auditOf(setup.environment.KOPR_DATA_DIR ?? '');
    expect(records.find((record) => record.digest === digest.toString('hex'))).toMatchObject({
      event: 'sign',
      peer: 'kopr-publisher',
      identity: alice,
      hash: 'SHA256',
      fingerprint: fingerprint.toString('hex'),
    });
    expect(records.filter((record) => record.event === 'create-key').map((record) => record.identity)).toEqual([
      alice,
      group,
    ]);
  });

  it('shows life, readiness and counts', async () => {
    const get = async (path: string): Promise<string> =>
      (await fetch(`http://127.0.0.1:${keygen.ports.metrics}${path}`)).text();
    expect(await get('/readyz')).toBe('ok\n');
    expect(await get('/metrics')).not.toContain('kopr_keygen');
    const metrics = await fetchMetrics(keygen.ports.metrics);
    expect(metrics).toMatch(/kopr_keygen_signatures_total\{hash="SHA256"\} \d+/);
    expect(metrics).toContain('kopr_keygen_keys 2');
    expect(metrics).toContain('kopr_keygen_requests_total{protocol="signd",command="pubkey",result="refused"}');
  });
});
