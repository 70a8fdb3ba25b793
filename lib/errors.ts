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

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
