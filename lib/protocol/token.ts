import { jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { TerminalError } from '../errors.ts';

/**
 * Bearer tokens (JWT, HS256). Their audiences never overlap:
 * - `kopr-task`: carried by one builder pod; good for one task's upload until `exp`.
 * - `kopr-source`: carried by one builder pod; good for reading one package at distgit until `exp`.
 * - `kopr-upload`: minted by the API, under a key of its own that the operator's is not derived from; good for one user's uploads of
 *   source packages for minutes. Whoever takes over the API can store files, and steer nothing.
 * - `kopr-control-publisher`, `kopr-control-distgit`: carried by the operator; good for the control API of that one
 *   service for minutes. What one service is shown opens nothing at the other.
 */
const taskClaims = z.object({
  sub: z.string(),
  /** Results directory of the task relative to the results root: `owner/project/chroot/00000001-hello`. */
  dir: z.string(),
});
export interface TaskClaims {
  task: string;
  dir: string;
}

/** Which package at distgit: `owner/project/package`. */
const sourceClaims = z.object({ repo: z.string().regex(/^[^/]+\/[^/]+\/[^/]+$/) });
export interface SourceClaims {
  repo: string;
}

const subject = z.object({ sub: z.string() });

export type ControlledService = 'publisher' | 'distgit';

/** For so long a token for the control API of a service is good. */
export const CONTROL_TTL_SECONDS = 300;
/** Clocks of two nodes may differ; a token must survive that. */
const CLOCK_TOLERANCE_SECONDS = 60;

/** The key is the raw content of a Secret entry. Short keys are refused: HS256 is as strong as its key. */
export function tokenKey(material: Buffer): Uint8Array {
  if (material.length < 32) {
    throw new TerminalError('WeakTokenKey', `the token key has ${material.length} bytes; it needs at least 32`);
  }
  return new Uint8Array(material);
}

export function mintTaskToken(
  key: Uint8Array,
  claims: TaskClaims,
  lifetimeSeconds: number,
  clock: Clock,
): Promise<string> {
  return sign(key, { dir: claims.dir }, claims.task, 'kopr-task', lifetimeSeconds, clock);
}

/** Rejects for a `repo` that does not name exactly one package. */
export async function mintSourceToken(
  key: Uint8Array,
  claims: SourceClaims,
  lifetimeSeconds: number,
  clock: Clock,
): Promise<string> {
  const { repo } = sourceClaims.parse(claims);
  return sign(key, { repo }, repo, 'kopr-source', lifetimeSeconds, clock);
}

export function mintControlToken(
  key: Uint8Array,
  caller: string,
  service: ControlledService,
  clock: Clock,
): Promise<string> {
  return sign(key, {}, caller, `kopr-control-${service}`, CONTROL_TTL_SECONDS, clock);
}

/** `user` is whom the upload is for; it is written down with the file. */
export function mintUploadToken(key: Uint8Array, user: string, clock: Clock): Promise<string> {
  return sign(key, {}, user, 'kopr-upload', CONTROL_TTL_SECONDS, clock);
}

function sign(
  key: Uint8Array,
  claims: Record<string, string>,
  subject: string,
  audience: string,
  lifetimeSeconds: number,
  clock: Clock,
): Promise<string> {
  const now = Math.floor(clock.now() / 1000);
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(subject)
    .setAudience(audience)
    .setIssuedAt(now)
    .setExpirationTime(now + lifetimeSeconds)
    .sign(key);
}

/** Rejects with TerminalError `InvalidToken` for anything that is not a live token of this audience. */
export async function verifyTaskToken(key: Uint8Array, token: string, clock: Clock): Promise<TaskClaims> {
  const claims = taskClaims.parse(await verify(key, token, 'kopr-task', clock));
  return { task: claims.sub, dir: claims.dir };
}

export async function verifySourceToken(key: Uint8Array, token: string, clock: Clock): Promise<SourceClaims> {
  return sourceClaims.parse(await verify(key, token, 'kopr-source', clock));
}

/** Resolves with the name of the user. */
export async function verifyUploadToken(key: Uint8Array, token: string, clock: Clock): Promise<string> {
  return subject.parse(await verify(key, token, 'kopr-upload', clock)).sub;
}

/** Resolves with the name of the caller. */
export async function verifyControlToken(
  key: Uint8Array,
  token: string,
  service: ControlledService,
  clock: Clock,
): Promise<string> {
  return subject.parse(await verify(key, token, `kopr-control-${service}`, clock)).sub;
}

async function verify(key: Uint8Array, token: string, audience: string, clock: Clock): Promise<unknown> {
  try {
    const { payload } = await jwtVerify(token, key, {
      audience,
      algorithms: ['HS256'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(clock.now()),
      requiredClaims: ['sub', 'exp'],
    });
    return payload;
  } catch {
    throw new TerminalError('InvalidToken', `the bearer token is not valid for ${audience} or has expired`);
  }
}
