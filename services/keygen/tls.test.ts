import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { secureContextSource } from '../../lib/signd/credentials.ts';
import type { TestPki } from '../../lib/signd/testing/pki.ts';
import { createTestPki } from '../../lib/signd/testing/pki.ts';
import { ServerTls } from './tls.ts';

let directory = '';
let pki: TestPki;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'kopr-tls-'));
  pki = createTestPki(directory);
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

it('renewed files are used for new connections, half-replaced ones are waited for', async () => {
  const [first, second, client] = ['first', 'second', 'client'].map((name) => pki.issue(name));
  if (first === undefined || second === undefined || client === undefined) throw new Error('no certificates');
  const mounted = { cert: join(directory, 'tls.crt'), key: join(directory, 'tls.key'), ca: first.ca };
  const mount = (from: typeof first, ...files: ('cert' | 'key')[]): void => {
    for (const file of files) copyFileSync(from[file], mounted[file]);
  };
  mount(first, 'cert', 'key');
  const tls = new ServerTls(mounted, pino({ level: 'silent' }), 20);
  const server = createServer(tls.serverOptions(), (socket) => socket.end());
  tls.follow(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const serverName = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', secureContext: secureContextSource(client)() }, () => {
        resolve(socket.getPeerCertificate().subject.CN);
        socket.destroy();
      });
      socket.on('error', reject);
    });

  expect(await serverName()).toBe('first');
  mount(second, 'cert');
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await serverName()).toBe('first');
  mount(second, 'key');
  await expect.poll(serverName, { timeout: 5_000 }).toBe('second');
  tls.close();
  server.close();
});

it('a context of client files is made again when they change', () => {
  const files = pki.issue('renewed');
  const source = secureContextSource(files);
  const context = source();
  expect(source()).toBe(context);
  const other = pki.issue('renewed');
  expect(source()).not.toBe(context);
  writeFileSync(other.key, 'no key');
  expect(source).toThrow();
});
