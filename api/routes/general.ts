/** What is not about any project: the version, who one is, and new tokens. */
import { z } from 'zod';
import { dateOf } from '../admin/copr-config.ts';
import { newCredentials } from '../admin/credentials.ts';
import { forbidden, notFound } from '../http/errors.ts';
import type { AnyRoute } from '../http/route.ts';
import { callerOf, defineRoute } from '../http/route.ts';

const DAY_MS = 86_400_000;

const home = defineRoute({
  operation: 'home',
  methods: ['GET'],
  path: '/',
  summary: 'The version of the API.',
  access: 'anyone',
  result: z.strictObject({ version: z.int() }),
  handle: () => Promise.resolve({ version: 3 }),
});

const authCheck = defineRoute({
  operation: 'auth.check',
  methods: ['GET'],
  path: '/auth-check',
  summary: 'Who the credentials belong to.',
  description: 'A ServiceAccount of Kubernetes has the number 0: it is no user.',
  access: 'user',
  result: z.strictObject({ id: z.int(), name: z.string() }),
  handle(call) {
    const caller = callerOf(call);
    return Promise.resolve({ id: caller.kind === 'user' ? caller.id : 0, name: caller.name });
  },
});

const newToken = defineRoute({
  operation: 'auth.new-token',
  methods: ['POST'],
  path: '/api-token',
  summary: 'A new API token in place of the one that is shown, which is refused from then on.',
  access: 'user',
  result: z.strictObject({
    api_login: z.string(),
    api_token: z.string(),
    expiration: z.string().describe('Day until which it is good, as YYYY-MM-DD.'),
  }),
  async handle(call) {
    const caller = callerOf(call);
    const { services } = call;
    const { db, clock, config, random } = services;
    if (caller.kind !== 'user') throw forbidden('Kubernetes gives ServiceAccounts their tokens, not this API.');
    const holder = await db.tokens.byLogin(caller.login);
    if (holder === undefined) throw notFound('This API token does not exist any more.');
    const { login, token, hash } = newCredentials(random);
    const expiresAt = clock.now() + config.tokenDays * DAY_MS;
    await db.tokens.replace(holder.tokenID, {
      userID: caller.id,
      login,
      hash,
      description: 'new-api-token',
      expiresAt,
    });
    services.forgetToken(caller.login);
    return { api_login: login, api_token: token, expiration: dateOf(expiresAt) };
  },
});

export const generalRoutes: readonly AnyRoute[] = [home, authCheck, newToken];
