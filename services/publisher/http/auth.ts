import type { Request } from 'express';
import type { Clock } from '../../../lib/clock.ts';
import {
  type TaskClaims,
  verifyControlToken,
  verifyTaskToken,
  verifyUploadToken,
} from '../../../lib/protocol/token.ts';
import { ApiError } from '../api-error.ts';

/** Checks bearer tokens. The kinds never stand in for each other: their audiences differ. */
export class Authenticator {
  readonly #key: Uint8Array;
  readonly #clock: Clock;
  readonly #uploadKey: Uint8Array | undefined;

  /** Without a key for uploads nothing is uploaded: the path answers as one that is not there. */
  constructor(key: Uint8Array, clock: Clock, uploadKey?: Uint8Array) {
    this.#key = key;
    this.#clock = clock;
    this.#uploadKey = uploadKey;
  }

  /** Throws ApiError 401, or TerminalError `InvalidToken`. */
  task(request: Request): Promise<TaskClaims> {
    return verifyTaskToken(this.#key, bearer(request), this.#clock);
  }

  /** Resolves with the name of the user. Throws ApiError 404 when there is no key for uploads. */
  async upload(request: Request): Promise<string> {
    if (this.#uploadKey === undefined) throw new ApiError(404, 'NotFound', 'there is nothing at this path');
    return verifyUploadToken(this.#uploadKey, bearer(request), this.#clock);
  }

  /** Who may delete an upload: the operator any of them (undefined), a user his own (his name). */
  async deletion(request: Request): Promise<string | undefined> {
    try {
      await this.control(request);
      return undefined;
    } catch (error) {
      if (this.#uploadKey === undefined) throw error;
      return this.upload(request);
    }
  }

  /** Resolves with the name of the caller. */
  control(request: Request): Promise<string> {
    return verifyControlToken(this.#key, bearer(request), 'publisher', this.#clock);
  }
}

function bearer(request: Request): string {
  const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined)
    throw new ApiError(401, 'NoToken', 'the request carries no bearer token in its authorization header');
  return token;
}
