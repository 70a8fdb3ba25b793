import { TerminalError } from '../../lib/errors.ts';

/**
 * An answer other than success: `{"error": message}`. The message is what `copr-cli` prints, so it is a sentence (or one
 * line for each problem) that names the thing and the remedy.
 */
export class ApiError extends TerminalError {
  readonly status: number;
  /** Further headers of the answer, such as the `Copr-Error-Data` that dnf reads. */
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super('ApiError', message);
    this.name = 'ApiError';
    this.status = status;
    this.headers = headers;
  }
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, message);
}

/** A form error: one line for each field, in the form `<field>: <message>`. */
export function badFields(problems: Readonly<Record<string, string>>): ApiError {
  return badRequest(
    Object.entries(problems)
      .map(([field, message]) => `${field}: ${message}`)
      .join('\n'),
  );
}

export function forbidden(message: string): ApiError {
  return new ApiError(403, message);
}

export function notFound(message: string, headers?: Readonly<Record<string, string>>): ApiError {
  return new ApiError(404, message, headers);
}

export function conflict(message: string): ApiError {
  return new ApiError(409, message);
}

export function tooLarge(message: string): ApiError {
  return new ApiError(413, message);
}

/** Something that kopr needs is away: the caller may try again after so many seconds. */
export function unavailable(message: string, retryAfterSeconds = 5): ApiError {
  return new ApiError(503, message, { 'Retry-After': String(retryAfterSeconds) });
}

/** No, wrong, expired or revoked credentials. The http layer words the answer, for it names the address of the site. */
export class NotAuthenticated extends TerminalError {
  constructor(message: string) {
    super('NotAuthenticated', message);
    this.name = 'NotAuthenticated';
  }
}
