import { z } from 'zod';
import { errorCode, errorMessage, TerminalError } from '../../lib/errors.ts';

/** An answer other than success. `code` and `message` reach the caller; the message is one sentence that names thing and remedy. */
export class ApiError extends TerminalError {
  readonly status: number;
  /** Further members of the answer, such as the size of a log. */
  readonly details: Readonly<Record<string, unknown>>;
  constructor(status: number, code: string, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(code, message);
    this.name = 'ApiError';
    this.status = status;
    this.details = details;
  }
}

export function badRequest(code: string, message: string): ApiError {
  return new ApiError(400, code, message);
}

const diskFullCodes = new Set(['ENOSPC', 'EDQUOT']);

/** What a caller is told about any error. Unknown ones are 500 and keep their text to the log. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (diskFullCodes.has(errorCode(error) ?? '')) return diskFull();
  if (error instanceof z.ZodError) return badRequest('InvalidRequest', sentenceOf(error));
  if (error instanceof TerminalError && error.code === 'InvalidToken')
    return new ApiError(401, error.code, error.message);
  return new ApiError(
    500,
    'InternalError',
    'the publisher failed to handle the request; its log says why. Try again later',
  );
}

export function diskFull(): ApiError {
  return new ApiError(
    507,
    'DiskFull',
    'the results volume of the publisher is full; enlarge it or delete projects and builds, then the upload goes on by itself',
  );
}

function sentenceOf(error: z.ZodError): string {
  const parts = error.issues.map((issue) =>
    issue.path.length === 0 ? issue.message : `${issue.path.join('.')}: ${issue.message}`,
  );
  return `the request is not valid: ${parts.join('; ')}`;
}

export function describeError(error: unknown): { error: string; stack?: string } {
  return error instanceof Error && error.stack !== undefined
    ? { error: error.message, stack: error.stack }
    : { error: errorMessage(error) };
}
