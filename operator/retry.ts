/** When a request to the API server is sent again, and after how long. Pure. */
import { ApiError } from './apiError.ts';

export interface RetryPolicy {
  /** Attempts in all, the first included. */
  attempts: number;
  baseMs: number;
  maxMs: number;
  /** The longest Retry-After that is obeyed by waiting; a longer one is handed to the caller as the error. */
  maxRetryAfterMs: number;
}

export const defaultRetryPolicy: RetryPolicy = { attempts: 5, baseMs: 100, maxMs: 5_000, maxRetryAfterMs: 30_000 };

/** Codes of errors after which a connection certainly carried nothing to the server. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * Milliseconds until the next attempt, or undefined to give up.
 * A request that is not idempotent is repeated only when the server certainly did nothing with it: 429, or no connection.
 * @param attempt attempts made so far, from 1
 * @param random in [0, 1)
 */
export function retryDelayMs(
  error: unknown,
  attempt: number,
  idempotent: boolean,
  policy: RetryPolicy,
  random: number,
): number | undefined {
  if (attempt >= policy.attempts) return undefined;
  const backoff = Math.min(policy.maxMs, policy.baseMs * 2 ** (attempt - 1)) * (0.5 + random / 2);
  if (error instanceof ApiError) {
    const retryable = error.status === 429 || (idempotent && error.status >= 500);
    if (!retryable) return undefined;
    if (error.retryAfterMs === undefined) return backoff;
    if (error.retryAfterMs > policy.maxRetryAfterMs) return undefined;
    // Everyone was told the same number: spread the return.
    return error.retryAfterMs + backoff * random;
  }
  if (idempotent || NEVER_SENT.has(errorCode(error))) return backoff;
  return undefined;
}

function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') return code;
  return error.cause === undefined ? '' : errorCode(error.cause);
}
