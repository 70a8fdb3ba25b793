import { DeadlineError, errorMessage, TerminalError } from '../../lib/errors.ts';

/** What a caller of the control API is told about a failed import. 4xx: do not repeat. 5xx: repeat later. */
export interface Failure {
  status: number;
  code: string;
  message: string;
}

/** Trouble that is ours or the network's, with a name. Repeating the request may help. */
export class RetryableError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'RetryableError';
    this.code = code;
  }
}

const PROJECT_DELETED = 'ProjectDeleted';

/** What was asked for is gone with its project. Repeating the request must not bring it back. */
export class ProjectDeletedError extends Error {
  readonly code = PROJECT_DELETED;
  constructor(owner: string, project: string) {
    super(`the project ${owner}/${project} was deleted; import into it again with another build`);
    this.name = 'ProjectDeletedError';
  }
}

/** The status of a refusal that is told from its record. */
export function refusalStatus(code: string): number {
  return code === PROJECT_DELETED ? 410 : 422;
}

/** Terminal errors blame the SRPM; everything else is infrastructure. Never loses the explanation. */
export function toFailure(error: unknown): Failure {
  if (error instanceof TerminalError) return { status: 422, code: error.code, message: error.message };
  if (error instanceof ProjectDeletedError) return { status: 410, code: error.code, message: error.message };
  if (error instanceof RetryableError) return { status: 503, code: error.code, message: error.message };
  if (error instanceof DeadlineError) return { status: 504, code: 'DeadlineExceeded', message: error.message };
  if (isStorageFull(error)) {
    return {
      status: 507,
      code: 'StorageFull',
      message: 'the data volume of distgit is full; enlarge it or delete projects',
    };
  }
  return { status: 500, code: 'ImportInterrupted', message: `the import was interrupted: ${errorMessage(error)}` };
}

function isStorageFull(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT') return true;
  // git and rpm say it in words.
  return /No space left on device|Disk quota exceeded/.test(errorMessage(error));
}
