import { initial } from './0001-initial.ts';

/** One step of the schema. What is released is never changed; a later step mends an earlier one. */
export interface Migration {
  /** 1, 2, 3 … without gaps. */
  version: number;
  name: string;
  /** Statements of one transaction. The schema after it must still serve the release before it: replicas are replaced one by one. */
  sql: string;
}

export const MIGRATIONS: readonly Migration[] = [initial];
