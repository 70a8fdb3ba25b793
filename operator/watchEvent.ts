/** One line of a watch, and what can be wrong with it. */
import { ApiError } from './apiError.ts';
import type { KubeObject } from './resource.ts';

/** The stream broke or carried something that cannot be: go on from the last good version. */
export class StreamError extends Error {}

/** Versions went back: what the store holds may be from a future that never was. */
export class HistoryError extends Error {}

export interface WatchEvent<T> {
  /** ADDED, MODIFIED, DELETED or BOOKMARK. */
  type: string;
  object: T;
  version: string;
}

/** Throws StreamError for what is no event, and ApiError for an ERROR event. */
export function parseWatchEvent<T extends KubeObject>(line: string, path: string): WatchEvent<T> {
  let event: { type: string; object: T };
  try {
    event = (JSON.parse(line) ?? {}) as { type: string; object: T };
  } catch {
    throw new StreamError('the watch carried a line that is not JSON');
  }
  if (event.type === 'ERROR') throw toApiError(event.object, path);
  const version = event.object?.metadata?.resourceVersion;
  if (!version) throw new StreamError(`the watch carried a ${event.type} without a resourceVersion`);
  return { type: event.type, object: event.object, version };
}

function toApiError(status: unknown, path: string): ApiError {
  const { code, reason, message, details } = (status ?? {}) as {
    code?: number;
    reason?: string;
    message?: string;
    details?: ApiError['details'];
  };
  return new ApiError({
    status: code ?? 500,
    reason: reason ?? 'Unknown',
    message: message ?? 'the watch reported an error without a message',
    method: 'WATCH',
    path,
    ...(details === undefined ? {} : { details }),
  });
}
