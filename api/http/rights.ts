import type { Caller } from '../auth/access.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import { forbidden } from './errors.ts';
import type { AnyRoute, Target } from './route.ts';

/** Undefined for a route that anyone may call: then credentials are not looked at, so that wrong ones do no harm. */
export async function authenticate(
  authenticator: Authenticator,
  route: AnyRoute,
  authorization: string | undefined,
  signal: AbortSignal,
): Promise<Caller | undefined> {
  if (route.access === 'anyone') return undefined;
  return authenticator.authenticate(authorization, signal);
}

/** Project (404), then form (400), then rights (403). */
export async function admit(
  route: AnyRoute,
  caller: Caller | undefined,
  target: Omit<Target<unknown, unknown>, 'caller'>,
  parseForm: () => unknown,
): Promise<{ found: unknown; body: unknown }> {
  const { access } = route;
  if (access === 'anyone' || access === 'user') return { found: undefined, body: parseForm() };
  if (caller === undefined) throw new Error(`${route.operation} was reached without a caller`);
  if (access === 'admin') {
    const body = parseForm();
    if (!caller.isAdmin) throw forbidden('Only administrators of this site may do this.');
    return { found: undefined, body };
  }
  const found = await access.on({ ...target, caller });
  const body = parseForm();
  await target.services.rights.require(caller, access.right, found, target.signal);
  return { found, body };
}
