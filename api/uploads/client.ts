import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { Agent, request } from 'undici';
import type { Clock } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { apiError } from '../../lib/protocol/publisher.ts';
import { mintUploadToken } from '../../lib/protocol/token.ts';
import { type StoredUpload, storedUpload, uploadNameFor } from '../../lib/protocol/upload.ts';
import { ApiError, badRequest, tooLarge, unavailable } from '../http/errors.ts';

export interface UploadClientOptions {
  publisherURL: string;
  /** Of KOPR_UPLOAD_KEY_FILE, the same at the publisher. */
  key: Uint8Array;
  clock: Clock;
  log: Logger;
  maxBytes: number;
  /** Default: one of its own that gives up when nothing moves for a minute. */
  dispatcher?: Dispatcher;
}

/** Files of users on their way to builds. They are kept by the publisher, and none is ever held here. */
export interface Uploads {
  /**
   * Streams a file to the publisher as it arrives. Rejects with ApiError 400 for its name, 413 for its size, 507 when there is no room, 503
   * when the publisher is away; with the reason of the signal when that is aborted; with the error of the stream when that fails.
   */
  store(upload: { user: string; filename: string; stream: Readable }, signal: AbortSignal): Promise<StoredUpload>;
  /** Deletes what no request needs after all. */
  discard(user: string, upload: Pick<StoredUpload, 'id'>, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Nothing moved for so long: the connection is given up. The whole may take as long as it needs. */
const STALL_MS = 60_000;
const ANSWER_LIMIT = 64 * 1024;

export function createUploads(options: UploadClientOptions): Uploads {
  const { publisherURL, key, clock, log, maxBytes } = options;
  const own = options.dispatcher === undefined ? createDispatcher() : undefined;
  const dispatcher = options.dispatcher ?? own;

  async function send(
    { user, name, stream }: { user: string; name: string; stream: Readable },
    signal: AbortSignal,
  ): Promise<StoredUpload> {
    const answer = await request(`${publisherURL}/v1/uploads?name=${encodeURIComponent(name)}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await mintUploadToken(key, user, clock)}`,
        'content-type': 'application/octet-stream',
      },
      body: stream,
      signal,
      ...(dispatcher === undefined ? {} : { dispatcher }),
    });
    const text = await readAnswer(answer.body);
    if (answer.statusCode === 200) return storedUpload.parse(JSON.parse(text));
    throw refusal(answer.statusCode, text, name, maxBytes, log);
  }

  return {
    async store({ user, filename, stream }, signal) {
      const name = uploadNameFor(filename);
      if (name === undefined) {
        throw badRequest(
          `the file "${filename.slice(0, 100)}" cannot be built: upload one whose name ends in .src.rpm, .nosrc.rpm or .spec`,
        );
      }
      let failed: unknown;
      const onError = (error: unknown): void => {
        failed = error;
      };
      stream.once('error', onError);
      try {
        return await send({ user, name, stream }, signal);
      } catch (error) {
        if (error instanceof ApiError) throw error;
        signal.throwIfAborted();
        if (failed !== undefined) throw failed;
        log.warn({ error: errorMessage(error) }, 'an upload did not reach the publisher');
        throw unavailable('the server that keeps uploads does not answer; try again later');
      }
    },
    async discard(user, { id }, signal) {
      const answer = await request(`${publisherURL}/v1/uploads/${id}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${await mintUploadToken(key, user, clock)}` },
        ...(signal === undefined ? {} : { signal }),
        ...(dispatcher === undefined ? {} : { dispatcher }),
      });
      await answer.body.dump();
      if (answer.statusCode !== 204)
        throw new Error(`the publisher answers the deletion of an upload with ${answer.statusCode}`);
    },
    async close() {
      await own?.destroy();
    },
  };
}

function createDispatcher(): Agent {
  return new Agent({ connect: { timeout: 10_000 }, headersTimeout: STALL_MS, bodyTimeout: STALL_MS });
}

async function readAnswer(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > ANSWER_LIMIT) throw new Error('the publisher answers with more than it should');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function refusal(status: number, text: string, name: string, maxBytes: number, log: Logger): ApiError {
  if (status === 413) return tooLarge(`the file ${name} is too large: at most ${maxBytes} bytes may be uploaded`);
  if (status === 507) return new ApiError(507, 'there is no room for uploads now; ask the administrators to make some');
  const reason = reasonOf(text);
  if (status === 400) return badRequest(reason ?? `the file ${name} was refused`);
  log.error({ status, reason }, 'the publisher refuses an upload');
  return unavailable('the server that keeps uploads does not take them; ask the administrators to look at its log');
}

function reasonOf(text: string): string | undefined {
  try {
    return apiError.parse(JSON.parse(text)).error.message;
  } catch {
    return undefined;
  }
}
