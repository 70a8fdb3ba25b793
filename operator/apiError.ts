/** An answer of the API server that is not a success, as its `Status` object told it. */
export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

export interface StatusDetails {
  name?: string;
  kind?: string;
  uid?: string;
  retryAfterSeconds?: number;
  causes?: StatusCause[];
}

export class ApiError extends Error {
  /** HTTP status code. */
  readonly status: number;
  /** metav1.StatusReason, such as NotFound, Conflict, AlreadyExists, Invalid, Expired. */
  readonly reason: string;
  readonly method: string;
  readonly path: string;
  readonly details: StatusDetails;
  /** Milliseconds the server asked to wait, when it did. */
  readonly retryAfterMs: number | undefined;

  constructor(fields: {
    status: number;
    reason: string;
    message: string;
    method: string;
    path: string;
    details?: StatusDetails;
    retryAfterMs?: number | undefined;
  }) {
    super(`${fields.method} ${fields.path}: ${fields.status} ${fields.reason}: ${fields.message}`);
    this.name = 'ApiError';
    this.status = fields.status;
    this.reason = fields.reason;
    this.method = fields.method;
    this.path = fields.path;
    this.details = fields.details ?? {};
    this.retryAfterMs = fields.retryAfterMs;
  }
}

function is(error: unknown, status: number, reason?: string): boolean {
  return error instanceof ApiError && error.status === status && (reason === undefined || error.reason === reason);
}

export function isNotFound(error: unknown): boolean {
  return is(error, 404);
}

export function isAlreadyExists(error: unknown): boolean {
  return is(error, 409, 'AlreadyExists');
}

/** The object changed since it was read (or a precondition on uid or resourceVersion failed): read again, decide again. */
export function isConflict(error: unknown): boolean {
  return is(error, 409) && !isAlreadyExists(error);
}

export function isInvalid(error: unknown): boolean {
  return is(error, 422);
}

export function isForbidden(error: unknown): boolean {
  return is(error, 403);
}

/** The history the caller wants to continue from is gone: list again. */
export function isGone(error: unknown): boolean {
  return is(error, 410) || (error instanceof ApiError && (error.reason === 'Expired' || error.reason === 'Gone'));
}

/** The server has not seen the resourceVersion the caller holds: it was restored from a backup, or lags far behind. */
export function isFutureVersion(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  const causes = error.details.causes ?? [];
  return (
    causes.some((cause) => cause.reason === 'ResourceVersionTooLarge') ||
    /too large resource version/i.test(error.message)
  );
}

/** Builds the error from an answer's body, whatever that is. */
export function apiErrorFrom(
  method: string,
  path: string,
  status: number,
  body: string,
  retryAfterHeader?: string,
): ApiError {
  let parsed: { reason?: unknown; message?: unknown; details?: unknown } = {};
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null) parsed = value;
  } catch {
    // Proxies and overloaded servers answer in plain text: it becomes the message.
  }
  const details = (
    typeof parsed.details === 'object' && parsed.details !== null ? parsed.details : {}
  ) as StatusDetails;
  const headerSeconds = Number.parseInt(retryAfterHeader ?? '', 10);
  const seconds = Number.isNaN(headerSeconds) ? details.retryAfterSeconds : headerSeconds;
  const message = typeof parsed.message === 'string' ? parsed.message : body.slice(0, 300).trim() || 'no message';
  // The server takes the blame, as 500, for an apply with a field its schema lacks; repeating that is no use.
  const actual = status === 500 && message.includes('field not declared in schema') ? 422 : status;
  return new ApiError({
    method,
    path,
    status: actual,
    reason: typeof parsed.reason === 'string' && parsed.reason !== '' ? parsed.reason : defaultReason(actual),
    message,
    details,
    retryAfterMs: seconds === undefined ? undefined : seconds * 1000,
  });
}

function defaultReason(status: number): string {
  const reasons: Record<number, string> = {
    400: 'BadRequest',
    401: 'Unauthorized',
    403: 'Forbidden',
    404: 'NotFound',
    409: 'Conflict',
    410: 'Gone',
    422: 'Invalid',
    429: 'TooManyRequests',
    500: 'InternalError',
    503: 'ServiceUnavailable',
    504: 'Timeout',
  };
  return reasons[status] ?? 'Unknown';
}
