import type { IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';
import { Busboy } from '@fastify/busboy';
import { bodyTooLarge, ClientGone, MAX_BODY_BYTES, parseObject, type ReceivedBody } from './body-parts.ts';
import { badRequest } from './errors.ts';
import type { AnyRoute, RawFields, ReceiveContext } from './route.ts';
import { rawPairs } from './validate.ts';

const LIMITS = {
  fieldSize: MAX_BODY_BYTES,
  fields: 1000,
  // Room for one that is too much, so that it is refused instead of being dropped in silence.
  files: 3,
  parts: 1003,
  headerPairs: 50,
  headerSize: 16 * 1024,
};

/**
 * A multipart body: one file at most, which goes to the route's `receive` while it arrives, and parameters: as the members
 * of a part named `json`, or as form fields. The order of the parts does not matter. When this rejects, a file that was
 * received has been discarded.
 */
export async function readMultipart(
  request: IncomingMessage,
  route: AnyRoute,
  context: ReceiveContext,
): Promise<ReceivedBody> {
  const { signal } = context;
  const parser = createParser(request);
  const pairs: [string, string][] = [];
  let json: RawFields = {};
  let size = 0;
  let received: Promise<unknown> | undefined;
  let open: { destroy(error: Error): void } | undefined;
  let failed = false;

  const parsed = new Promise<void>((resolve, reject) => {
    const fail = (error: unknown): void => {
      failed = true;
      request.unpipe(parser);
      request.pause();
      // Whoever writes the file somewhere learns that it is not whole.
      open?.destroy(error instanceof Error ? error : new ClientGone());
      reject(error);
    };
    parser.on('field', (name: string, value: string, _nameTruncated: boolean, truncated: boolean) => {
      size += Buffer.byteLength(name) + Buffer.byteLength(value);
      if (truncated || size > MAX_BODY_BYTES) return fail(bodyTooLarge());
      if (name !== 'json') {
        pairs.push([name, value]);
        return;
      }
      try {
        json = parseObject(value);
      } catch (error) {
        fail(error);
      }
    });
    parser.on('file', (part: string, stream, filename: string, _encoding: string, contentType: string) => {
      // A part that ends abnormally fails its stream; without a listener that would end the process.
      stream.on('error', () => undefined);
      // The parser goes on with what it has: the end of a file that begins now would never come.
      if (failed) {
        stream.resume();
        return;
      }
      if (part !== route.upload?.part || received !== undefined) {
        stream.resume();
        const known = route.upload?.part;
        fail(
          badRequest(
            known === undefined
              ? `${shortly(part)}: no file is taken here.`
              : part === known
                ? `${known}: only one file may be sent at a time.`
                : `${shortly(part)}: a file is only taken as part "${known}".`,
          ),
        );
        return;
      }
      open = stream;
      const file = { part, filename: basename(filename), contentType, stream };
      received = route.upload.receive(file, context).then((result) => {
        // Whoever did not want it all must not hold up the rest.
        stream.resume();
        return result;
      });
      received.catch(fail);
    });
    parser.on('partsLimit', () => fail(badRequest('The body has too many parts.')));
    parser.on('fieldsLimit', () => fail(badRequest('The body has too many fields.')));
    parser.on('error', () => fail(badRequest('The body is not a whole multipart/form-data body.')));
    parser.on('finish', () => resolve());
    request.on('error', () => fail(new ClientGone()));
    request.on('close', () => {
      if (!request.complete) fail(new ClientGone());
    });
    signal.addEventListener('abort', () => fail(signal.reason), { once: true });
    if (signal.aborted) fail(signal.reason);
    else request.pipe(parser as Writable);
  });

  try {
    await parsed;
    const file = await received;
    if (received === undefined && route.upload?.required === true) {
      throw badRequest(`${route.upload.part}: This field is required.`);
    }
    return { fields: { ...rawPairs(pairs), ...json }, file };
  } catch (error) {
    await discardReceived(route, received, context);
    throw error;
  }
}

function createParser(request: IncomingMessage): InstanceType<typeof Busboy> {
  const contentType = request.headers['content-type'] ?? '';
  try {
    return new Busboy({
      headers: { ...request.headers, 'content-type': contentType },
      limits: LIMITS,
      // Clients send their parameters as a file named "json".
      isPartAFile: (name, type, filename) =>
        name !== 'json' && (filename !== undefined || type === 'application/octet-stream'),
    });
  } catch {
    throw badRequest('The Content-Type of the body has no usable boundary.');
  }
}

async function discardReceived(
  route: AnyRoute,
  received: Promise<unknown> | undefined,
  { services }: ReceiveContext,
): Promise<void> {
  if (received === undefined) return;
  const outcome = await received.then(
    (file) => ({ file }),
    () => undefined,
  );
  if (outcome !== undefined) await discard(route, outcome.file, services);
}

/** Gives back what `receive` made; a failure is logged, since the expiry of uploads removes it some day. */
export async function discard(route: AnyRoute, file: unknown, services: ReceiveContext['services']): Promise<void> {
  try {
    await route.upload?.discard(file, services);
  } catch (error) {
    services.log.warn(
      { operation: route.operation, err: error },
      'an upload could not be discarded; it expires by itself',
    );
  }
}

function basename(name: string | undefined): string {
  return (name ?? '').split(/[\\/]/).at(-1) ?? '';
}

function shortly(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
