import type { PoolClient, QueryResultRow } from 'pg';

/** One SQL statement that is prepared once on each connection. The name belongs to exactly one text. */
export interface Statement {
  name: string;
  text: string;
}

export interface Sql {
  /** The rows of a statement. Throws DatabaseAway, or the error of a statement that is wrong. */
  rows<R extends QueryResultRow>(statement: Statement, values?: readonly unknown[]): Promise<R[]>;
}

/** A Sql that can also run several statements as one. */
export interface SqlPool extends Sql {
  /**
   * Runs `work` in a transaction, again (three times at most) when it met another one. `work` must not keep anything
   * of a former run.
   */
  transaction<R>(work: (sql: Sql) => Promise<R>): Promise<R>;
}

/** Statements of one connection. */
export function sqlOf(client: PoolClient): Sql {
  return {
    async rows<R extends QueryResultRow>({ name, text }: Statement, values: readonly unknown[] = []): Promise<R[]> {
      if (text.trimStart().startsWith('SELECT') && values.some(matchesNothing)) return [];
      return (await client.query<R>({ name, text, values: [...values] })).rows;
    },
  };
}

/**
 * Users may ask for anything: numbers beyond those of the database and texts that it cannot hold are in none of its
 * rows. It would call them errors.
 */
export function matchesNothing(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isSafeInteger(value);
  return typeof value === 'string' && value.includes('\0');
}

/** Milliseconds since the epoch of a timestamptz column. */
export function asMs(column: string): string {
  return `floor(extract(epoch FROM ${column}) * 1000)::int8`;
}

/** A timestamptz of a parameter in milliseconds since the epoch. */
export function fromMs(parameter: string): string {
  return `to_timestamp(${parameter}::float8 / 1000)`;
}
