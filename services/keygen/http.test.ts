import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnknownKeyError } from '../../lib/signd/client.ts';
import type { CredentialFiles } from '../../lib/signd/credentials.ts';
import { KeygenHttpError } from '../../lib/signd/keygen-client.ts';
import type { RunningKeygen } from './testing/process.ts';
import { keygenClient, prepare, signdClient, start } from './testing/process.ts';

const run = promisify(execFile);
const group = '@group#hello@copr.test';
let directory = '';
let keygen: RunningKeygen;
let publisher: CredentialFiles;
let stranger: CredentialFiles;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kopr-httpd-'));
  const setup = prepare(directory);
  publisher = setup.pki.issue('kopr-publisher');
  stranger = setup.pki.issue('kopr-builder');
  keygen = await start(setup);
});

afterAll(async () => {
  await keygen?.end('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

describe('keygen-httpd', () => {
  const http = (): ReturnType<typeof keygenClient> => keygenClient(keygen.ports.http, publisher);

  it('answers ping, serves public keys and makes no second key', async () => {
    await http().ping();
    expect(await http().generateKey({ name: '@group_hello', email: group })).toBe('created');
    const signd = signdClient(keygen.ports.signd, publisher);
    expect(await http().publicKey(group)).toBe(await signd.pubkey(group));
    expect(await http().generateKey({ name: '@group_hello', email: group })).toBe('exists');
    await expect(http().publicKey('nobody#x@copr.test')).rejects.toThrow(UnknownKeyError);
  });

  it.each([
    ['alice', 'expected owner#project@copr.domain'],
    ['a/b#c@copr.test', 'the owner in name_email'],
    ['alice#b@c@d', 'the part after "#"'],
  ])('refuses the identity %s with a sentence', async (email, message) => {
    const failure = await http()
      .generateKey({ name: 'x', email })
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(KeygenHttpError);
    expect(failure).toMatchObject({ status: 400, message: expect.stringContaining(message) });
  });

  it.each([
    ['POST', '/gen_key', '{', '400 the body is not JSON'],
    ['POST', '/gen_key', '[]', '400 body: '],
    ['POST', '/gen_key', '{"name_email":"a#b@c"}', '400 name_real: '],
    ['POST', '/gen_key', 'x'.repeat(100_000), '400 the body is longer'],
    ['GET', '/gen_key', undefined, '405 /gen_key takes POST requests only'],
    ['GET', '/pubkey/%ff', undefined, '400 the identity in the path'],
    ['GET', '/pubkey/..%2f..%2fmaster.key', undefined, '404 unknown key'],
    ['GET', '/', undefined, '404 only /ping'],
  ])('answers %s %s %s with %s', async (method, path, body, expected) => {
    const url = `https://127.0.0.1:${keygen.ports.http}${path}`;
    const tls = ['--cacert', publisher.ca, '--cert', publisher.cert, '--key', publisher.key];
    const data = body === undefined ? [] : ['--data-binary', '@-'];
    const child = run('curl', ['-s', '--path-as-is', '-X', method, ...tls, ...data, '-w', '%{http_code}', url], {
      timeout: 15_000,
    });
    child.child.stdin?.on('error', () => {});
    child.child.stdin?.end(body ?? '');
    const { stdout } = await child;
    expect(`${stdout.slice(-3)} ${stdout.slice(0, -3)}`).toContain(expected);
  });

  it('refuses other certificates', async () => {
    await expect(keygenClient(keygen.ports.http, stranger).ping()).rejects.toThrow('keygen answered 403');
    await expect(fetch(`http://127.0.0.1:${keygen.ports.http}/ping`)).rejects.toThrow();
  });
});
