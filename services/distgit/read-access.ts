import type { Clock } from '../../lib/clock.ts';
import { verifyControlToken, verifySourceToken } from '../../lib/protocol/token.ts';
import type { PackagePath } from './layout.ts';
import type { Route } from './public-routes.ts';

export interface AccessOptions {
  key: Uint8Array;
  clock: Clock;
  /** Everybody may read everything, as in Copr. */
  publicReads: boolean;
}

export interface Denial {
  status: 401 | 403;
  /** For the client, without a line end. */
  message: string;
}

/** Something that is only read by those who may. */
export type Readable = Extract<Route, { path: PackagePath } | { kind: 'log' }>;

/**
 * Who may read what at the public port. A build carries a source token for its own package and gets nothing else: not
 * even whether another package exists, because this is asked before anything is looked up.
 */
export class ReadAccess {
  readonly publicReads: boolean;
  private readonly key: Uint8Array;
  private readonly clock: Clock;

  constructor({ key, clock, publicReads }: AccessOptions) {
    this.key = key;
    this.clock = clock;
    this.publicReads = publicReads;
  }

  /** Undefined when the holder of this authorization header may read what the route leads to. */
  async denial(route: Readable, authorization: string | undefined): Promise<Denial | undefined> {
    if (this.publicReads) return undefined;
    const token = tokenOf(authorization);
    return route.kind === 'log' ? this.logDenial(token) : this.sourceDenial(route.path, token);
  }

  private async sourceDenial(path: PackagePath, token: string): Promise<Denial | undefined> {
    const wanted = `${path.owner}/${path.project}/${path.package}`;
    // Every failure means the same: a token that cannot be read is none.
    const claims = await verifySourceToken(this.key, token, this.clock).catch(() => undefined);
    if (!claims) return { status: 401, message: `reading ${wanted} takes a valid source token for it` };
    if (claims.repo === wanted) return undefined;
    return { status: 403, message: `this source token is for ${claims.repo}, not for ${wanted}` };
  }

  private async logDenial(token: string): Promise<Denial | undefined> {
    const caller = await verifyControlToken(this.key, token, 'distgit', this.clock).catch(() => undefined);
    if (caller !== undefined) return undefined;
    return { status: 401, message: 'reading import logs takes a valid control token' };
  }
}

/** From `Bearer <token>`, or `Basic` with any user and the token as password; empty when there is none. */
export function tokenOf(authorization: string | undefined): string {
  const [, scheme = '', value = ''] = /^(bearer|basic) +([\w.~+/=-]+)$/i.exec(authorization ?? '') ?? [];
  if (scheme.toLowerCase() !== 'basic') return value;
  const pair = Buffer.from(value, 'base64').toString('utf8');
  const cut = pair.indexOf(':');
  return cut < 0 ? '' : pair.slice(cut + 1);
}
