import { errorCode, errorMessage } from '../../lib/errors.ts';

/** The database cannot be asked now; the API answers 503 and the same call may succeed in a moment. */
export class DatabaseAway extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DatabaseAway';
  }
}

const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);
/** What pg says without a code when the connection or its deadline is over. */
const LOST = /terminated|timeout|not queryable|after calling end|has encountered a connection error|SSL/i;
/** There is no such table or column: the schema is not (or no longer) that of this kopr. */
const SCHEMA = new Set(['42P01', '42703']);
/**
 * Classes and codes of PostgreSQL for what passes, or what its administrator must mend: connections, wrong credentials,
 * no such database, out of resources, ended by an administrator or the deadline, a standby that only reads, disk errors.
 */
const PASSING = /^(08|28|3D|53|57|58)|^25006$/;

/** True for an error after which the schema must be looked at again. */
export function isSchemaError(error: unknown): boolean {
  const code = errorCode(error);
  return code !== undefined && SCHEMA.has(code);
}

/** A deadlock or a conflict of transactions: the same transaction succeeds when it is run again. */
export function isTransient(error: unknown): boolean {
  const code = errorCode(error);
  return code === '40001' || code === '40P01';
}

/** The error as the callers of the database know it: DatabaseAway for all that passes, others (faults of ours) as they are. */
export function translate(error: unknown): unknown {
  if (error instanceof DatabaseAway) return error;
  const code = errorCode(error);
  const away =
    code === undefined
      ? error instanceof Error && LOST.test(error.message)
      : NETWORK.has(code) || PASSING.test(code) || SCHEMA.has(code) || isTransient(error);
  if (!away) return error;
  // A refused connection to a name with two addresses is an AggregateError without a message.
  const why = errorMessage(error) || code || 'unknown';
  return new DatabaseAway(`the database does not answer: ${why}`, { cause: error });
}
