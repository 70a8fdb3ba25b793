import type { IncomingMessage } from 'node:http';
import { bodyTooLarge, ClientGone, MAX_BODY_BYTES, parseObject, type ReceivedBody } from './body-parts.ts';
import { ApiError, badRequest } from './errors.ts';
import { readMultipart } from './multipart.ts';
import type { AnyRoute, ReceiveContext } from './route.ts';
import { rawPairs } from './validate.ts';

/** Reads the body as whatever its Content-Type says. Rejects with ApiError for what is none, and with the signal's reason. */
export async function readBody(
  request: IncomingMessage,
  route: AnyRoute,
  context: ReceiveContext,
): Promise<ReceivedBody> {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === 'multipart/form-data') return readMultipart(request, route, context);
  if (route.upload?.required === true) {
    throw badRequest(`Send the file as part "${route.upload.part}" of a multipart/form-data body.`);
  }
  const text = await readText(request, context.signal);
  if (text === '') return { fields: {}, file: undefined };
  if (type === 'application/x-www-form-urlencoded') {
    return { fields: rawPairs(new URLSearchParams(text)), file: undefined };
  }
  if (type === '' || type === 'application/json' || type.endsWith('+json')) {
    return { fields: parseObject(text), file: undefined };
  }
  throw new ApiError(415, `A body of type ${type.slice(0, 100)} is not read here; send JSON or a form.`);
}

async function readText(request: IncomingMessage, signal: AbortSignal): Promise<string> {
  // Refused by its announced length, a body is not read at all.
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw bodyTooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => fail(signal.reason);
    const onClose = (): void => fail(new ClientGone());
    const settle = (): void => {
      request.off('data', onData).off('end', onEnd).off('error', fail).off('close', onClose);
      signal.removeEventListener('abort', onAbort);
    };
    const fail = (error: unknown): void => {
      settle();
      request.pause();
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) fail(bodyTooLarge());
      else chunks.push(chunk);
    };
    const onEnd = (): void => {
      settle();
      resolve();
    };
    request.on('data', onData).on('end', onEnd).on('error', fail).on('close', onClose);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw badRequest('The body is not UTF-8.');
  }
}
