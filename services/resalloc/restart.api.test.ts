import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fetchMetrics, metricsEnvironment } from '../../lib/http/testing/metrics.ts';
import { type RunningService, startService } from '../../lib/testing/process.ts';
import { call, patientWait } from './testing/client.ts';
import type { World } from './testing/world.ts';
import { createWorld } from './testing/world.ts';

type Resalloc = RunningService<{ http: number; metrics: number }>;

const main = join(import.meta.dirname, 'main.ts');
let world: World;
let directory = '';
let running: Resalloc | undefined;

beforeAll(async () => {
  world = await createWorld();
  directory = mkdtempSync(join(tmpdir(), 'kopr-resalloc-restart-'));
  writeFileSync(join(directory, 'password'), 'password-of-the-test');
});

afterEach(() => running?.end('SIGKILL'));

afterAll(async () => {
  await world?.client.close();
  rmSync(directory, { recursive: true, force: true });
});

async function start(port = 0): Promise<Resalloc> {
  running = await startService('resalloc', main, {
    KUBECONFIG: world.kubeconfig,
    KOPR_RELEASE_NAMESPACE: world.namespace,
    KOPR_PASSWORD_FILE: join(directory, 'password'),
    KOPR_HTTP_PORT: String(port),
    KOPR_METRICS_PORT: '0',
    ...metricsEnvironment(directory),
  });
  return running;
}

const urlOf = ({ ports }: Resalloc): string => `http://resalloc:password-of-the-test@127.0.0.1:${ports.http}`;

async function clientWaits({ ports }: Resalloc): Promise<void> {
  await world.eventually('the waiting client', async () =>
    (await fetchMetrics(ports.metrics)).includes('kopr_resalloc_waiting_clients 1\n'),
  );
}

describe('a client in waitTicket', { timeout: 120_000 }, () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'gets its machine from the next process when this one ends with %s',
    async (signal) => {
      const first = await start();
      const url = urlOf(first);
      const number = Number(await call(url, 'takeTicket', ['copr_builder'], 'alice/hello'));
      const wait = patientWait(url, number);
      await clientWaits(first);
      expect(await first.end(signal)).toBe(signal === 'SIGTERM' ? 0 : 'SIGKILL');
      await world.assign(number);
      await start(first.ports.http);
      const [failures, output] = await wait;
      expect(output).toEqual({ binary: `host-${number}\n` });
      expect(failures).toBeGreaterThan(0);
    },
  );

  it('may wait for a ticket of a process before this one, whose numbers are not given again', async () => {
    const first = await start();
    const number = Number(await call(urlOf(first), 'takeTicket', ['copr_builder']));
    await first.end('SIGKILL');
    const second = await start();
    const url = urlOf(second);
    expect(await call(url, 'takeTicket', ['copr_builder'])).toBeGreaterThan(number);
    const wait = call(url, 'waitTicket', number);
    await clientWaits(second);
    await world.assign(number);
    expect(await wait).toEqual({ binary: `host-${number}\n` });
  });
});
