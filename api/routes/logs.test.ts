import { createServer, type Server } from 'node:http';
import { pino } from 'pino';
import { Agent } from 'undici';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { listen } from '../../lib/listen.ts';
import type { AnyRoute } from '../http/route.ts';
import { type Rig, startRig } from '../http/testing/rig.ts';
import { createLogReader, type LogReader, type LogStage } from '../logs/reader.ts';
import { logRoutes } from './logs.ts';

const PATH = 'demo/hello:pr:1/pebble-13-x86_64/00000007-hello/builder-live.log';

let results: Server;
let rig: Rig;
let dispatcher: Agent;
let logs: LogReader;
let stage: LogStage;
let content: string | undefined;
let status: number | undefined;

beforeAll(async () => {
  results = createServer((request, response) => {
    if (content === undefined || request.url !== `/results/${PATH.replaceAll(':', '%3A')}`) {
      response.writeHead(status ?? 404).end();
      return;
    }
    response.end(content);
  });
  const port = await listen(results, { port: 0, host: '127.0.0.1' });
  dispatcher = new Agent();
  logs = createLogReader({
    stages: { find: async (build, chroot) => (build === 7 && chroot === 'pebble-13-x86_64' ? stage : undefined) },
    resultsURL: `http://127.0.0.1:${port}/results`,
    redis: undefined,
    dispatcher,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    maxReaders: 2,
  });
  const withLogs = (route: AnyRoute): AnyRoute => ({
    ...route,
    handle: (call) => route.handle({ ...call, services: { ...call.services, logs } }),
  });
  rig = await startRig(logRoutes.map(withLogs));
});
afterAll(async () => {
  await rig.stop(0);
  await dispatcher.destroy();
  results.closeAllConnections();
  await new Promise((closed) => results.close(closed));
});
beforeEach(() => {
  status = undefined;
  content = 'zero\none\ntwo\n';
  stage = { path: () => PATH, over: () => true };
});

const LOG = '/api_3/build-chroot/log';
const QUERY = 'build_id=7&chrootname=pebble-13-x86_64';

describe('the routes of logs', () => {
  it('answer with text from a line on', async () => {
    const answer = await fetch(`${rig.url}${LOG}?${QUERY}&offset=1`);
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
      200,
      'text/plain; charset=utf-8',
      'one\ntwo\n',
    ]);
  });

  it('answer with events, also behind the last one a client has seen', async () => {
    const answer = await fetch(`${rig.url}${LOG}/stream/?${QUERY}`);
    expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(await answer.text()).toBe(
      ': heartbeat\n\nid: 0\ndata: zero\n\nid: 1\ndata: one\n\nid: 2\ndata: two\n\nevent: end\ndata: 3\n\n',
    );
    const again = await fetch(`${rig.url}${LOG}/stream?${QUERY}&offset=0`, { headers: { 'last-event-id': '1' } });
    expect(await again.text()).toBe(': heartbeat\n\nid: 2\ndata: two\n\nevent: end\ndata: 3\n\n');
  });

  it.each([
    ['', 400, /build_id|chrootname/],
    ['build_id=x&chrootname=a', 404, /Build x does not exist/],
    ['build_id=8&chrootname=pebble-13-x86_64', 404, /Build 8 has no chroot/],
    ['build_id=7&chrootname=..%2F..', 404, /has no chroot/],
    [`${QUERY}&offset=-1`, 400, /offset/],
    [`${QUERY}&offset=1e99`, 400, /offset/],
  ])('refuse %j with %i', async (query, code, message) => {
    for (const path of [LOG, `${LOG}/stream`]) {
      const answer = await fetch(`${rig.url}${path}?${query}`);
      expect(answer.status).toBe(code);
      expect((await answer.json()) as object).toEqual({ error: expect.stringMatching(message) });
    }
  });

  it('say when there is no log yet, and when the results server is away', async () => {
    content = undefined;
    expect((await fetch(`${rig.url}${LOG}?${QUERY}`)).status).toBe(404);
    status = 502;
    expect((await fetch(`${rig.url}${LOG}?${QUERY}`)).status).toBe(503);
    status = undefined;
    stage = { path: () => undefined, over: () => true };
    expect((await fetch(`${rig.url}${LOG}?${QUERY}`)).status).toBe(404);
    expect(await (await fetch(`${rig.url}${LOG}/stream?${QUERY}`)).text()).toContain('event: end\ndata: 0');
  });

  it('follow for so many at once, and count a reader no more that has gone', async () => {
    let over = false;
    stage = { path: () => PATH, over: () => over };
    const abort = new AbortController();
    const streams = await Promise.all(
      [0, 1].map(() => fetch(`${rig.url}${LOG}/stream?${QUERY}`, { signal: abort.signal })),
    );
    await expect.poll(() => logs.readers).toBe(2);
    const third = await fetch(`${rig.url}${LOG}/stream?${QUERY}`);
    expect([third.status, third.headers.get('retry-after')]).toEqual([503, '30']);
    abort.abort();
    for (const stream of streams) await expect(stream.text()).rejects.toThrow();
    await expect.poll(() => logs.readers, { timeout: 5_000 }).toBe(0);
    over = true;
    expect((await fetch(`${rig.url}${LOG}/stream?${QUERY}`)).status).toBe(200);
  });
});
