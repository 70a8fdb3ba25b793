/** A real server with routes for tests. */
import { Registry } from 'prom-client';
import type { Clock } from '../../../lib/clock.ts';
import { systemClock } from '../../../lib/clock.ts';
import { createLogger } from '../../../lib/log.ts';
import { type ClusterDecision, createRights } from '../../auth/access.ts';
import { createAuthenticator } from '../../auth/authenticator.ts';
import type { ServiceAccounts } from '../../auth/service-accounts.ts';
import { createApiTokens, type TokenSource } from '../../auth/tokens.ts';
import type { Services } from '../../services.ts';
import { createApp } from '../app.ts';
import { NotAuthenticated } from '../errors.ts';
import { InFlight } from '../in-flight.ts';
import type { AnyRoute } from '../route.ts';
import { type ServerOptions, startServer } from '../server.ts';

export interface Rig {
  url: string;
  registry: Registry;
  inFlight: InFlight;
  stop(ms?: number): Promise<boolean>;
}

export interface RigOptions {
  tokens?: TokenSource;
  serviceAccounts?: ServiceAccounts;
  clock?: Clock;
  server?: Pick<ServerOptions, 'idleMs' | 'headersMs'>;
}

const noServiceAccounts: ServiceAccounts = {
  check: () => Promise.reject(new NotAuthenticated('This cluster has no ServiceAccounts.')),
  decide: () => Promise.resolve(false),
};

export function basic(login: string, token: string): string {
  return `Basic ${Buffer.from(`${login}:${token}`).toString('base64')}`;
}

export async function startRig(routes: readonly AnyRoute[], options: RigOptions = {}): Promise<Rig> {
  const clock = options.clock ?? systemClock;
  const registry = new Registry();
  const inFlight = new InFlight(clock);
  const serviceAccounts = options.serviceAccounts ?? noServiceAccounts;
  const tokens = createApiTokens(options.tokens ?? { byLogin: () => Promise.resolve(undefined) }, clock);
  const decide: ClusterDecision = (...ask) => serviceAccounts.decide(...ask);
  // Routes of these tests use nothing else of the services.
  const services = {
    rights: createRights(decide),
    config: { frontendURL: 'http://copr.test' },
    clock,
    log: createLogger('api', 'fatal'),
  } as unknown as Services;
  const authenticator = createAuthenticator(tokens, serviceAccounts);
  const listener = createApp({ routes, authenticator, services, inFlight, registry });
  const server = await startServer({ port: 0, host: '127.0.0.1', listener, inFlight, clock, ...options.server });
  return {
    url: `http://127.0.0.1:${server.port}`,
    registry,
    inFlight,
    stop: (ms = 5_000) => server.stop(ms),
  };
}
