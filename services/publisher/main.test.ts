import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPackages } from '../../lib/rpm/testing/build.ts';
import { configSchema, frontendURL, readConfig } from './config.ts';
import { expectStatus, TestClient } from './testing/client.ts';
import { createWorld, startPublisher, type World } from './testing/processes.ts';

const run = promisify(execFile);
const main = join(import.meta.dirname, 'main.ts');
const CHROOT = 'pebble-13-x86_64';

let world: World;
let packages: string[];

beforeAll(async () => {
  world = await createWorld(await mkdtemp(join(tmpdir(), 'kopr-main-')));
  packages = await buildPackages(join(world.directory, 'built'), { name: 'hello' });
});

afterAll(async () => {
  await world.keygen.end('SIGKILL');
  await rm(world.directory, { recursive: true, force: true });
});

describe('the process', () => {
  it('tells every setting with --help', async () => {
    const { stdout } = await run(process.execPath, [main, '--help']);
    for (const name of Object.keys(configSchema.shape)) expect(stdout).toContain(name);
    expect(stdout).toContain('(required)');
  });

  it.each([
    [['--nonsense'], {}, 2, /"--nonsense" is not known/],
    [[], {}, 1, /KOPR_TOKEN_KEY_FILE: must be set.*\n.*KOPR_RESULTS_URL.*\n.*KOPR_SIGN_DOMAIN/],
  ])('refuses arguments %j and environment %j with status %i', async (args, env, code, message) => {
    await expect(run(process.execPath, [main, ...args], { env })).rejects.toMatchObject({
      code,
      stderr: expect.stringMatching(message),
    });
  });

  it('names the file it cannot read', async () => {
    const env = { ...world.publisherEnvironment, KOPR_TLS_CERT: '/nowhere/tls.crt' };
    await expect(run(process.execPath, [main], { env })).rejects.toMatchObject({
      stderr: expect.stringContaining('/nowhere/tls.crt'),
    });
  });

  it('ends what is under way when it is told to stop, and answers it', async () => {
    const publisher = await startPublisher(world);
    const client = new TestClient(world.tokenKey, publisher.ports.http);
    const task = await client.newTask(`demo/drain/${CHROOT}/00000001-hello`);
    await client.uploadPackages(task, packages);
    const answer = client.publish(task);
    await expect
      .poll(() => client.control('GET', `/v1/tasks/${task.task}`).then(({ body }) => body.state))
      .toBe('complete');
    const ended = publisher.end('SIGTERM');
    expect(expectStatus(await answer, 200).body).toMatchObject({ state: 'done', generation: 1 });
    expect(await ended).toBe(0);
  });

  it('goes on by itself with a publication that was under way when it died', async () => {
    const first = await startPublisher(world);
    const client = new TestClient(world.tokenKey, first.ports.http);
    const task = await client.newTask(`demo/resume/${CHROOT}/00000001-hello`);
    await client.uploadPackages(task, packages);
    expectStatus(await client.publish(task, 'x86_64', 0), 202);
    const request = join(world.data, 'staging', task.task, 'publication.json');
    await expect.poll(() => readFile(request, 'utf8').catch(() => ''), { interval: 1 }).toContain('resume');
    await first.end('SIGKILL');

    const second = await startPublisher(world);
    const success = join(world.data, 'results', 'demo', 'resume', CHROOT, '00000001-hello', 'success');
    await expect.poll(() => readFile(success, 'utf8').catch(() => ''), { timeout: 10_000 }).toBe('done\n');
    client.port = second.ports.http;
    expect(await client.published(task)).toMatchObject({ generation: 1 });
    expect(await second.end('SIGTERM')).toBe(0);
  });

  it('answers 503 while keygen is away, and publishes when it is back', async () => {
    const alone = await startPublisher(world, { KOPR_KEYGEN_SIGND_PORT: '1', KOPR_KEYGEN_HTTP_PORT: '1' });
    const client = new TestClient(world.tokenKey, alone.ports.http);
    const task = await client.newTask(`demo/away/${CHROOT}/00000001-hello`);
    await client.uploadPackages(task, packages);
    const answer = await client.publish(task);
    expect(answer).toMatchObject({ status: 503, body: { error: { code: 'SigningFailed' } } });
    expect(await client.setUp('demo', 'away', [CHROOT])).toMatchObject({ status: 503 });
    expect(await alone.end('SIGTERM')).toBe(0);
    const publisher = await startPublisher(world);
    client.port = publisher.ports.http;
    expect(await client.published(task)).toMatchObject({ generation: 1 });
    expect(await publisher.end('SIGTERM')).toBe(0);
  }, 60_000);
});

describe('the settings', () => {
  it('say everything that is wrong at once', () => {
    const environment = { ...world.publisherEnvironment, KOPR_RESULTS_URL: 'results', KOPR_HTTP_PORT: '70000' };
    expect(() => readConfig(environment)).toThrow(/KOPR_HTTP_PORT.*\n.*KOPR_RESULTS_URL: must be an http\(s\) URL/);
  });

  it('have the address of .repo files follow that of the results', () => {
    const of = (overrides: Record<string, string>): string =>
      frontendURL(readConfig({ ...world.publisherEnvironment, ...overrides }));
    expect(of({ KOPR_RESULTS_URL: 'http://a:5002/results/' })).toBe('http://a:5002');
    expect(of({ KOPR_FRONTEND_URL: 'https://b/' })).toBe('https://b');
  });
});
