import { type ApiError, badRequest, tooLarge } from './errors.ts';
import type { RawFields } from './route.ts';

/** All that is kept of a body in memory; files are not. */
export const MAX_BODY_BYTES = 1024 * 1024;

export interface ReceivedBody {
  fields: RawFields;
  /** What the route's `receive` made of the file; undefined when there was none. */
  file: unknown;
}

/** The object that a JSON text holds; null counts as an empty one. Throws 400 for anything else. */
export function parseObject(text: string): RawFields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badRequest('The body is not JSON; send one JSON object.');
  }
  if (value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw badRequest('The body must be one JSON object.');
  }
  return { ...value };
}

export function bodyTooLarge(): ApiError {
  return tooLarge(`The body is larger than ${MAX_BODY_BYTES / 1024 / 1024} MiB, which is more than any request needs.`);
}

/** Nobody is left to hear an answer. */
export class ClientGone extends Error {
  constructor() {
    super('the client broke off');
    this.name = 'ClientGone';
  }
}
