import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { TokenHolder } from '../db/types.ts';
import { NotAuthenticated } from '../http/errors.ts';
import type { UserCaller } from './access.ts';
import { Expiring } from './expiring.ts';

/** How long a revoked token, a removed user or a changed membership may still count. */
export const TOKEN_CACHE_MS = 5_000;
/** No login and no token that kopr makes is longer; longer ones are not even looked up. */
const MAX_CHARACTERS = 128;

export interface TokenSource {
  byLogin(login: string): Promise<TokenHolder | undefined>;
}

export interface ApiTokens {
  /** Throws NotAuthenticated in the same words for whatever is wrong but expiry, which only the holder can learn of. */
  check(login: string, token: string): Promise<UserCaller>;
  /** After the login was revoked by this process. */
  forget(login: string): void;
}

const NOBODY = createHash('sha256').update('nobody').digest();

export function createApiTokens(source: TokenSource, clock: Clock): ApiTokens {
  const holders = new Expiring<TokenHolder | undefined>(clock, TOKEN_CACHE_MS);
  return {
    async check(login, token) {
      if (login.length > MAX_CHARACTERS || token.length > MAX_CHARACTERS || login.includes('\0')) throw invalid();
      const holder = await holders.get(login, () => source.byLogin(login));
      const digest = createHash('sha256').update(token).digest();
      // Compared even when there is no such login, so that the time tells nothing.
      const same = timingSafeEqual(digest, holder?.hash.length === digest.length ? holder.hash : NOBODY);
      if (holder === undefined || !same || holder.revokedAt !== null) throw invalid();
      if (holder.expiresAt <= clock.now()) throw new NotAuthenticated('This API token has expired.');
      const { user } = holder;
      return {
        kind: 'user',
        id: user.id,
        name: user.name,
        isAdmin: user.isAdmin,
        groups: holder.groups.map((group) => `@${group}`),
        login,
      };
    },
    forget: (login) => holders.forget(login),
  };
}

function invalid(): NotAuthenticated {
  return new NotAuthenticated('This API token is not valid here.');
}
