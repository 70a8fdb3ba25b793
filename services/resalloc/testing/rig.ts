import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterAll, beforeAll } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { quietLog } from '../../../operator/testing/harness.ts';
import type { Service } from '../service.ts';
import { startService } from '../service.ts';
import type { World } from './world.ts';
import { createWorld } from './world.ts';

export const PASSWORD = 'password-of-the-test';
export const MAX_WAITERS = 3;
/** A number that no ticket has. */
export const UNKNOWN = 2_000_000_000;
/** What Python is told of a ticket that waits. */
export const WAITS = { ready: false, output: null, closed: false, failed: false };

/** What Python is told of a ticket that has its machine. */
export function ready(number: number): object {
  return { ...WAITS, ready: true, output: { binary: `host-${number}\n` } };
}

export interface Replica {
  /** With the password. */
  url: string;
  port: number;
  registry: Registry;
}

export interface Rig {
  world: World;
  /** One that is there from the beginning. */
  first: Replica;
  /** One more, of the same tickets. */
  start(): Promise<Replica>;
}

/** The service on a real API server, for the tests of a file; `take` gets it before they run. */
export function useRig(take: (rig: Rig) => void): void {
  const services: Service[] = [];
  let world: World | undefined;
  let directory = '';

  async function start(own: World): Promise<Replica> {
    const registry = new Registry();
    const service = await startService(
      {
        logLevel: 'info',
        httpPort: 0,
        metricsPort: 0,
        metricsTokenFile: undefined,
        releaseNamespace: own.namespace,
        passwordFile: join(directory, 'password'),
        maxWaiters: MAX_WAITERS,
        apiServer: {},
      },
      { client: own.client, clock: systemClock, log: quietLog, registry },
    );
    services.push(service);
    const port = service.ports.http;
    return { url: `http://resalloc:${PASSWORD}@127.0.0.1:${port}`, port, registry };
  }

  beforeAll(async () => {
    const own = await createWorld();
    world = own;
    directory = mkdtempSync(join(tmpdir(), 'kopr-resalloc-'));
    writeFileSync(join(directory, 'password'), PASSWORD);
    take({ world: own, first: await start(own), start: () => start(own) });
  });

  afterAll(async () => {
    await Promise.all(services.map((service) => service.stop()));
    await world?.client.close();
    if (directory !== '') rmSync(directory, { recursive: true, force: true });
  });
}
