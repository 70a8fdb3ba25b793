import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchMetrics } from '../../lib/http/testing/metrics.ts';
import { UnknownKeyError } from '../../lib/signd/client.ts';
import type { CredentialFiles } from '../../lib/signd/credentials.ts';
import type { Setup } from './testing/process.ts';
import { keygenClient, prepare, signdClient, start } from './testing/process.ts';

const run = promisify(execFile);
const alice = 'alice#hello@copr.test';
const group = '@group#hello@copr.test';
let directory = '';
let setup: Setup;
let publisher: CredentialFiles;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'kopr-process-'));
  setup = prepare(directory);
  publisher = setup.pki.issue('kopr-publisher');
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('the process', () => {
  it('explains itself and refuses arguments', async () => {
    const main = join(import.meta.dirname, 'main.ts');
    expect((await run(process.execPath, [main, '--help'])).stdout).toContain('KOPR_MASTER_KEY_FILE');
    await expect(run(process.execPath, [main, 'serve'])).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"serve" is not known'),
    });
    await expect(run(process.execPath, [main], { env: {} })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('KOPR_MASTER_KEY_FILE'),
    });
  });

  it('does not start with another master key or without its certificate', async () => {
    const first = await start(setup);
    await first.end('SIGTERM');
    const other = join(directory, 'other.key');
    writeFileSync(other, randomBytes(32));
    await expect(start(setup, { KOPR_MASTER_KEY_FILE: other })).rejects.toThrow('WrongMasterKey');
    await expect(start(setup, { KOPR_TLS_CERT: join(directory, 'none.crt') })).rejects.toThrow('TlsFilesMissing');
    await expect(start(setup, { KOPR_PLAIN_PEERS: 'everyone' })).rejects.toThrow('BadNetwork');
  });

  it('ends with 0 on SIGTERM and finishes what is under way', async () => {
    const other = await start(setup);
    const client = signdClient(other.ports.signd, publisher);
    await keygenClient(other.ports.http, publisher).generateKey({ name: 'n', email: alice });
    const digests = Array.from({ length: 100 }, (_, index) => ({ digest: randomBytes(32), time: index + 1 }));
    const signing = client.sign(alice, 'SHA256', digests);
    await expect
      .poll(async () => fetchMetrics(other.ports.metrics), { interval: 5 })
      .toMatch(/kopr_keygen_connections 1|signatures_total.* 100/);
    const ended = other.end('SIGTERM');
    expect(await signing).toHaveLength(100);
    expect(await ended).toBe(0);
  });

  it('gives no signature and makes no key while its audit log cannot be written', async () => {
    const base = join(directory, 'full');
    mkdirSync(base);
    const full = prepare(base);
    const files = full.pki.issue('kopr-publisher');
    const first = await start(full);
    await keygenClient(first.ports.http, files).generateKey({ name: 'n', email: alice });
    await first.end('SIGKILL');
    const log = join(base, 'data', 'audit.log');
    rmSync(log);
    symlinkSync('/dev/full', log);
    const second = await start(full);
    const client = signdClient(second.ports.signd, files);
    await expect(client.sign(alice, 'SHA256', [{ digest: randomBytes(32), time: 1 }])).rejects.toMatchObject({
      status: 75,
      message: expect.stringContaining('the audit log cannot be written: ENOSPC'),
    });
    await expect(keygenClient(second.ports.http, files).generateKey({ name: 'n', email: group })).rejects.toThrow(
      '500',
    );
    await expect(client.pubkey(group)).rejects.toThrow(UnknownKeyError);
    rmSync(log);
    expect(await client.sign(alice, 'SHA256', [{ digest: randomBytes(32), time: 1 }])).toHaveLength(1);
    await second.end('SIGKILL');
  });
});
