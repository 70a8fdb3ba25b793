import { createServer } from 'node:http';
import { Agent } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { TerminalError } from '../../lib/errors.ts';
import { listen } from '../../lib/listen.ts';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import type { Standins } from '../testing/standins.ts';
import { startStandins, TOKEN_KEY } from '../testing/standins.ts';
import type { Services } from './services.ts';
import { createServices } from './services.ts';

const TASK = '0b6f1f8e-3b07-4a57-9f0b-2f6c3d0c8f11.1';
const VERDICT = { outcome: 'succeeded', reason: 'Succeeded', message: 'built', exitCode: 0 } as const;
const PUBLICATION = {
  owner: '@team',
  project: 'hello',
  chroot: 'pebble-13-x86_64',
  directory: '00000007-hello',
  stage: 'binary',
  build: 7,
  architecture: 'x86_64',
} as const;
const IMPORT = {
  owner: '@team',
  project: 'hello',
  build: 7,
  srpm: { url: 'http://r.example/a.src.rpm', sha256: 'a'.repeat(64), size: 9 },
  branches: ['pebble-13'],
};
const REPOSITORIES = {
  chroots: [{ name: 'pebble-13-x86_64', architecture: 'x86_64' }],
  repoFile: { moduleHotfixes: false },
};

let standins: Standins;
let agent: Agent;
let services: Services;
const signal = new AbortController().signal;

beforeEach(async () => {
  standins = await startStandins();
  agent = new Agent();
  services = servicesWith(TOKEN_KEY);
});

afterEach(async () => {
  await agent.destroy();
  await standins.stop();
});

function servicesWith(tokenKey: Uint8Array): Services {
  const { publisherURL, distgitURL } = standins;
  return createServices({ publisherURL, distgitURL, tokenKey, clock: systemClock, dispatcher: agent });
}

describe('the services, over HTTP,', () => {
  it('answer with what they have', async () => {
    expect(await services.taskState(TASK, signal)).toEqual({ state: 'none' });
    standins.publisher.complete(TASK, { verdict: VERDICT, files: [] });
    expect((await services.taskState(TASK, signal)).state).toBe('complete');
    expect(await services.publish(TASK, PUBLICATION, signal)).toMatchObject({ state: 'done', generation: 1 });
    expect(await services.importSrpm(TASK, IMPORT, signal)).toMatchObject({ repo: '@team/hello/hello' });
    expect(await services.ensureRepositories('@team', 'hello', REPOSITORIES, signal)).toMatchObject({ state: 'done' });
    expect(standins.publisher.projects.has('@team/hello')).toBe(true);
    expect(await services.deleteProject('@team', 'hello', signal)).toBe(true);
    await services.forgetTask(TASK, signal);
    expect([...standins.publisher.forgotten]).toEqual([TASK]);
    expect([standins.publisher.deleted, standins.distgit.deleted]).toEqual([['@team/hello'], ['@team/hello']]);
  });

  it('that still work (202) are to be asked again', async () => {
    standins.faults.add({ match: /PUT/, action: 'working', times: 3 });
    standins.publisher.complete(TASK, { verdict: VERDICT, files: [] });
    expect(await services.publish(TASK, PUBLICATION, signal)).toBeUndefined();
    expect(await services.importSrpm(TASK, IMPORT, signal)).toBeUndefined();
    expect(await services.ensureRepositories('a', 'b', REPOSITORIES, signal)).toBeUndefined();
  });

  it('that still delete (202) are not done', async () => {
    standins.faults.add({ match: /DELETE \/publisher/, action: 'working' });
    expect(await services.deleteProject('a', 'b', signal)).toBe(false);
    expect(await services.deleteProject('a', 'b', signal)).toBe(true);
  });

  it.each([400, 409, 410, 422])('that refuse with %i do so for good, in their own words', async (status) => {
    standins.faults.add({ match: /PUT/, action: { status, code: 'BadPackage' } });
    const error = await services.publish(TASK, PUBLICATION, signal).catch((problem: unknown) => problem);
    expect(error).toBeInstanceOf(TerminalError);
    expect(error).toMatchObject({ code: 'BadPackage', message: 'as the test wants it' });
  });

  it('that refuse a deletion are asked again: a Project must not stay for ever', async () => {
    standins.faults.add({ match: /DELETE/, action: { status: 409, code: 'Busy' } });
    const error = await services.deleteProject('a', 'b', signal).catch((problem: unknown) => problem);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(TerminalError);
  });

  it.each([401, 404, 429, 500, 503, 507])('that fail with %i may do better next time', async (status) => {
    standins.faults.add({ match: /PUT/, action: { status } });
    const error = await services.publish(TASK, PUBLICATION, signal).catch((problem: unknown) => problem);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(TerminalError);
    expect(String(error)).toContain(`PUT /v1/publications/${TASK}?wait=2: Fault: as the test wants it`);
  });

  it.each(['reset', 'lost reply'] as const)('may be asked again after a %s, and have done it once', async (action) => {
    standins.publisher.complete(TASK, { verdict: VERDICT, files: [] });
    standins.faults.add({ match: /PUT/, action });
    await expect(services.publish(TASK, PUBLICATION, signal)).rejects.toThrow();
    expect(await services.publish(TASK, PUBLICATION, signal)).toMatchObject({ generation: 1 });
    expect(standins.publisher.publications.size).toBe(1);
  });

  it('do not take a token that another key has signed', async () => {
    const strangers = servicesWith(new Uint8Array(Buffer.alloc(32, 'x')));
    await expect(strangers.taskState(TASK, signal)).rejects.toThrow('InvalidToken');
  });

  it('are not waited for once the reconcile is over', async () => {
    const over = AbortSignal.abort(new Error('the time is up'));
    await expect(services.taskState(TASK, over)).rejects.toThrow('the time is up');
  });
});

describe('the token of the operator', () => {
  it('is one for each service, and another one when half of its life is over', async () => {
    const shown: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      shown.push(request.headers.authorization);
      response.end(JSON.stringify({ state: 'none' }));
    });
    const url = `http://127.0.0.1:${await listen(server, { port: 0 })}`;
    try {
      const clock = new FakeClock();
      const asking = createServices({
        publisherURL: url,
        distgitURL: url,
        tokenKey: TOKEN_KEY,
        clock,
        dispatcher: agent,
      });
      await Promise.all([asking.taskState(TASK, signal), asking.taskState(TASK, signal)]);
      await clock.advance(149_999);
      await asking.taskState(TASK, signal);
      expect(new Set(shown).size).toBe(1);
      await clock.advance(1);
      await asking.taskState(TASK, signal);
      expect(new Set(shown).size).toBe(2);
      await asking.importSrpm(TASK, IMPORT, signal).catch(() => undefined);
      expect(new Set(shown).size).toBe(3);
    } finally {
      server.close();
    }
  });
});
