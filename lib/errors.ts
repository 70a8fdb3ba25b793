/**
 * The error vocabulary of every process. A plain Error means "try again"; the classes below say otherwise.
 */

/** The user must act: retrying cannot help. `code` is a CamelCase reason fit for a condition. */
export class TerminalError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'TerminalError';
    this.code = code;
  }
}

/** A wait ran out. `what` names the wait, as in "the upload of build.log". */
export class DeadlineError extends Error {
  readonly what: string;
  constructor(what: string, ms: number) {
    super(`${what} did not finish within ${Math.round(ms / 1000)} s`);
    this.name = 'DeadlineError';
    this.what = what;
  }
}

/** The `code` of a system error such as `ENOENT`, or undefined. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  const code = errorCode(error);
  return code !== undefined && codes.includes(code);
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
