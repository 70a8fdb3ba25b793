import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../lib/testing/fakeClock.ts';
import { loadAccess } from './access.ts';

let dir: string;
const clock = new FakeClock();

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kopr-access-'));
});

afterEach(async () => {
  await rm(dir, { recursive: true });
});

describe('in a pod', () => {
  beforeEach(async () => {
    await writeFile(join(dir, 'namespace'), 'kopr-system\n');
    await writeFile(join(dir, 'ca.crt'), 'CA');
    await writeFile(join(dir, 'token'), 'first\n');
  });

  const load = (host = '10.96.0.1') =>
    loadAccess({ clock, serviceHost: host, servicePort: '443', serviceAccountDir: dir });

  test('the service account is used, and read anew every minute because its token is replaced', async () => {
    const access = await load();
    expect([access.server, access.namespace]).toEqual(['https://10.96.0.1:443', 'kopr-system']);
    expect(await access.credentials()).toEqual({
      headers: { authorization: 'Bearer first' },
      tls: { ca: Buffer.from('CA') },
    });
    await writeFile(join(dir, 'token'), 'second');
    expect((await access.credentials()).headers.authorization).toBe('Bearer first');
    expect((await access.credentials(true)).headers.authorization).toBe('Bearer second');
    await writeFile(join(dir, 'token'), 'third');
    await clock.advance(60_000);
    expect((await access.credentials()).headers.authorization).toBe('Bearer third');
  });

  test('a read that failed is not remembered', async () => {
    const access = await load();
    await rm(join(dir, 'token'));
    await expect(access.credentials()).rejects.toThrow('ENOENT');
    await writeFile(join(dir, 'token'), 'back');
    expect((await access.credentials()).headers.authorization).toBe('Bearer back');
  });

  test('an IPv6 address is put in brackets', async () => {
    expect((await load('fd00::1')).server).toBe('https://[fd00::1]:443');
  });
});

describe('with a kubeconfig', () => {
  const kubeconfig = (user: object): string =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'c',
          cluster: {
            server: 'https://127.0.0.1:6443/',
            'certificate-authority-data': Buffer.from('CA').toString('base64'),
          },
        },
      ],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'demo' } }],
      'current-context': 'x',
    });

  test('client certificates reach the connection', async () => {
    const path = join(dir, 'config');
    const data = (text: string): string => Buffer.from(text).toString('base64');
    await writeFile(path, kubeconfig({ 'client-certificate-data': data('CERT'), 'client-key-data': data('KEY') }));
    const access = await loadAccess({ clock, kubeconfig: path });
    expect([access.server, access.namespace]).toEqual(['https://127.0.0.1:6443', 'demo']);
    const { tls, headers } = await access.credentials();
    expect([String(tls.ca), String(tls.cert), String(tls.key), headers]).toEqual(['CA', 'CERT', 'KEY', {}]);
  });

  test('a token reaches the header', async () => {
    const path = join(dir, 'config');
    await writeFile(path, kubeconfig({ token: 'secret' }));
    const access = await loadAccess({ clock, kubeconfig: path });
    expect((await access.credentials()).headers.authorization).toBe('Bearer secret');
  });

  test('an unknown context is an error that says so', async () => {
    const path = join(dir, 'config');
    await writeFile(path, kubeconfig({}));
    await expect(loadAccess({ clock, kubeconfig: path, context: 'nope' })).rejects.toThrow('names no cluster');
  });
});

test('nothing configured is an error that says what to do', async () => {
  await expect(loadAccess({ clock })).rejects.toThrow('set KUBECONFIG to a kubeconfig file, or run inside a pod');
});
