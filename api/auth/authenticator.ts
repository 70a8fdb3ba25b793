import { NotAuthenticated } from '../http/errors.ts';
import type { Caller } from './access.ts';
import type { ServiceAccounts } from './service-accounts.ts';
import type { ApiTokens } from './tokens.ts';

export interface Authenticator {
  /** Who the header of a request speaks for. Throws NotAuthenticated, or DatabaseAway. */
  authenticate(authorization: string | undefined, signal: AbortSignal): Promise<Caller>;
}

const BASIC = /^Basic +([A-Za-z0-9+/_-]+=*) *$/i;
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

/** `Basic login:token` for API tokens, `Bearer` for ServiceAccounts. */
export function createAuthenticator(tokens: ApiTokens, serviceAccounts: ServiceAccounts): Authenticator {
  return {
    async authenticate(authorization, signal) {
      if (authorization === undefined) throw new NotAuthenticated('This needs an API token, and none was sent.');
      const basic = BASIC.exec(authorization)?.[1];
      if (basic !== undefined) {
        const pair = Buffer.from(basic, 'base64').toString('utf8');
        const colon = pair.indexOf(':');
        if (colon < 1) throw malformed();
        return tokens.check(pair.slice(0, colon), pair.slice(colon + 1));
      }
      const bearer = BEARER.exec(authorization)?.[1];
      if (bearer === undefined) throw malformed();
      return serviceAccounts.check(bearer, signal);
    },
  };
}

function malformed(): NotAuthenticated {
  return new NotAuthenticated('The Authorization header is malformed; send login and token by Basic authentication.');
}
