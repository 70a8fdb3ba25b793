import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import type { ApiRequest } from '../../operator/apiClient.ts';
import type { TokenHolder } from '../db/types.ts';
import { createServiceAccounts } from './service-accounts.ts';
import { createApiTokens, TOKEN_CACHE_MS } from './tokens.ts';

let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
});

function holder(extra: Partial<TokenHolder> = {}): TokenHolder {
  return {
    tokenID: 1,
    hash: createHash('sha256').update('secret').digest(),
    expiresAt: clock.now() + 3_600_000,
    revokedAt: null,
    user: { id: 7, name: 'alice', isAdmin: false },
    groups: ['g'],
    ...extra,
  };
}

describe('API tokens', () => {
  test('groups come as owners are written', async () => {
    const tokens = createApiTokens({ byLogin: () => Promise.resolve(holder()) }, clock);
    expect(await tokens.check('l', 'secret')).toEqual({
      kind: 'user',
      id: 7,
      name: 'alice',
      isAdmin: false,
      groups: ['@g'],
      login: 'l',
    });
  });

  test('a revocation counts after five seconds at most, and at once where it was made', async () => {
    let current = holder();
    let asked = 0;
    const byLogin = (): Promise<TokenHolder> => {
      asked++;
      return Promise.resolve(current);
    };
    const tokens = createApiTokens({ byLogin }, clock);
    await Promise.all([tokens.check('l', 'secret'), tokens.check('l', 'secret')]);
    expect(asked).toBe(1);
    current = holder({ revokedAt: clock.now() });
    await clock.advance(TOKEN_CACHE_MS - 1);
    await tokens.check('l', 'secret');
    await clock.advance(1);
    await expect(tokens.check('l', 'secret')).rejects.toThrow(/not valid/);
    current = holder();
    tokens.forget('l');
    await tokens.check('l', 'secret');
    expect(asked).toBe(3);
  });

  test('expiry counts at once, cached or not', async () => {
    const tokens = createApiTokens({ byLogin: () => Promise.resolve(soon) }, clock);
    const soon = holder({ expiresAt: clock.now() + 1_000 });
    await tokens.check('l', 'secret');
    await clock.advance(1_000);
    await expect(tokens.check('l', 'secret')).rejects.toThrow(/expired/);
  });

  test('a failed look-up is not remembered', async () => {
    let away = true;
    const byLogin = (): Promise<TokenHolder> => (away ? Promise.reject(new Error('away')) : Promise.resolve(holder()));
    const tokens = createApiTokens({ byLogin }, clock);
    await expect(tokens.check('l', 'secret')).rejects.toThrow('away');
    away = false;
    await tokens.check('l', 'secret');
  });

  test.each([
    ['wrong', 'l', 'Secret'],
    ['empty', 'l', ''],
    ['far too long', 'l', 'x'.repeat(10_000)],
    ['the hash itself', 'l', createHash('sha256').update('secret').digest('hex')],
  ])('a token that is %s is refused', async (_what, login, token) => {
    const tokens = createApiTokens({ byLogin: () => Promise.resolve(holder()) }, clock);
    await expect(tokens.check(login, token)).rejects.toMatchObject({ name: 'NotAuthenticated' });
  });
});

describe('ServiceAccounts', () => {
  const signal = new AbortController().signal;

  function cluster(answers: (request: ApiRequest) => unknown): {
    client: { request<R>(request: ApiRequest): Promise<R> };
    asked: ApiRequest[];
  } {
    const asked: ApiRequest[] = [];
    return {
      asked,
      client: {
        request<R>(request: ApiRequest): Promise<R> {
          asked.push(request);
          return Promise.resolve().then(() => answers(request) as R);
        },
      },
    };
  }
  const ci = { username: 'system:serviceaccount:alice:ci', uid: 'u', groups: ['system:serviceaccounts'] };

  test('a token is reviewed once in ten seconds', async () => {
    const { client, asked } = cluster(() => ({ status: { authenticated: true, user: ci } }));
    const accounts = createServiceAccounts(client, clock);
    const caller = await accounts.check('t', signal);
    expect(caller).toEqual({ kind: 'serviceAccount', name: ci.username, uid: 'u', groups: ci.groups, isAdmin: false });
    await accounts.check('t', signal);
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ method: 'POST', path: '/apis/authentication.k8s.io/v1/tokenreviews' });
    await clock.advance(10_000);
    await accounts.check('t', signal);
    expect(asked).toHaveLength(2);
  });

  test.each([
    ['unknown tokens', { status: { authenticated: false } }],
    ['people', { status: { authenticated: true, user: { username: 'admin' } } }],
    ['nodes', { status: { authenticated: true, user: { username: 'system:node:x' } } }],
    ['errors', { status: { error: 'no', user: {} } }],
  ])('%s are no ServiceAccounts', async (_what, answer) => {
    const accounts = createServiceAccounts(cluster(() => answer).client, clock);
    await expect(accounts.check('t', signal)).rejects.toMatchObject({ name: 'NotAuthenticated' });
  });

  test('Kubernetes decides about rights, and its word counts for ten seconds', async () => {
    let allowed = true;
    const { client, asked } = cluster(() => ({ status: { allowed } }));
    const accounts = createServiceAccounts(client, clock);
    const caller = { kind: 'serviceAccount', name: ci.username, uid: 'u', groups: ci.groups, isAdmin: false } as const;
    const ask = { verb: 'create', resource: 'builds', namespace: 'alice' };
    expect(await accounts.decide(caller, ask)).toBe(true);
    allowed = false;
    expect(await accounts.decide(caller, ask)).toBe(true);
    expect(await accounts.decide(caller, { ...ask, namespace: 'bob' })).toBe(false);
    await clock.advance(10_000);
    expect(await accounts.decide(caller, ask)).toBe(false);
    expect(asked[0]?.body).toMatchObject({
      spec: { user: ci.username, groups: ci.groups, resourceAttributes: { group: 'kopr.dev', ...ask } },
    });
  });

  test('a cluster that is away is 503, not 401', async () => {
    const accounts = createServiceAccounts(
      cluster(() => {
        throw new Error('connect ECONNREFUSED');
      }).client,
      clock,
    );
    await expect(accounts.check('t', signal)).rejects.toMatchObject({ status: 503 });
  });
});
