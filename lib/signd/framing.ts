/**
 * Framing of the signd protocol, both directions. All integers are unsigned 16-bit big-endian.
 *
 *   request   00000000                              old ping
 *             A B  user arg      (B≠0)              old form, A = length of user, B = length of arg
 *             A 0  argc lengths… bytes…             new form, A = length of what follows
 *   reply     status outlen errlen out err          old form: `out` is the blob; new form: `out` is n, n lengths, blobs
 *
 * One request per connection; the server knows the end of a request from its header and closes after the reply.
 */

export const headerLength = 4;
export const maxField = 0xffff;

interface OldRequest {
  form: 'old';
  user: Buffer;
  argument: Buffer;
}

interface NewRequest {
  form: 'new';
  args: Buffer[];
}

export type Request = { form: 'ping' } | OldRequest | NewRequest;

export interface Reply {
  /** 0 is success; anything else comes with a message in `err`. */
  status: number;
  out: Buffer;
  /** Ends with a newline when not empty; may be a warning when status is 0. */
  err: string;
}

/** Bytes that break the framing. The message is fit for the peer. */
export class FramingError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FramingError';
  }
}

/** The length of the whole request whose first bytes are `head`, or undefined while fewer than 4 bytes are known. */
export function requestLength(head: Buffer): number | undefined {
  if (head.length < headerLength) return undefined;
  return headerLength + head.readUInt16BE(0) + head.readUInt16BE(2);
}

export function encodePing(): Buffer {
  return Buffer.alloc(headerLength);
}

export function encodeOldRequest(user: Buffer, argument: Buffer): Buffer {
  if (argument.length === 0) throw new FramingError('an old request needs an argument');
  return Buffer.concat([uint16(user.length), uint16(argument.length), user, argument]);
}

export function encodeNewRequest(args: readonly Buffer[]): Buffer {
  const rest = encodeList(args);
  return Buffer.concat([uint16(rest.length), uint16(0), rest]);
}

/** Takes a request apart. Throws FramingError when the bytes are fewer or more than the header says. */
export function decodeRequest(data: Buffer): Request {
  const expected = requestLength(data);
  if (expected !== data.length)
    throw new FramingError(`packet size mismatch: ${data.length} bytes, expected ${expected ?? 4}`);
  const first = data.readUInt16BE(0);
  const second = data.readUInt16BE(2);
  if (first === 0 && second === 0) return { form: 'ping' };
  if (second === 0) return { form: 'new', args: decodeList(data.subarray(headerLength)) };
  const middle = headerLength + first;
  return { form: 'old', user: data.subarray(headerLength, middle), argument: data.subarray(middle) };
}

export function encodeReply(reply: Reply): Buffer {
  const err = Buffer.from(reply.err, 'utf8');
  return Buffer.concat([uint16(reply.status), uint16(reply.out.length), uint16(err.length), reply.out, err]);
}

/** Takes a whole reply apart (everything the server sent until it closed). Throws FramingError. */
export function decodeReply(data: Buffer): Reply {
  if (data.length === 0) throw new FramingError('empty reply from server');
  if (data.length < 6) throw new FramingError(`packet too small: ${data.length} bytes`);
  const outLength = data.readUInt16BE(2);
  const errLength = data.readUInt16BE(4);
  if (data.length !== 6 + outLength + errLength) {
    throw new FramingError(`packet size mismatch: ${data.length} bytes, expected ${6 + outLength + errLength}`);
  }
  return {
    status: data.readUInt16BE(0),
    out: data.subarray(6, 6 + outLength),
    err: data.subarray(6 + outLength).toString('utf8'),
  };
}

/** `n, n lengths, n blobs`: the arguments of a new request and the result of a new reply. */
export function encodeList(blobs: readonly Buffer[]): Buffer {
  return Buffer.concat([uint16(blobs.length), ...blobs.map((blob) => uint16(blob.length)), ...blobs]);
}

export function decodeList(data: Buffer): Buffer[] {
  if (data.length < 2) throw new FramingError('packet too small: the argument count is missing');
  const count = data.readUInt16BE(0);
  let at = 2 + 2 * count;
  if (at > data.length) throw new FramingError(`packet size mismatch: ${count} lengths announced`);
  const blobs: Buffer[] = [];
  for (let index = 0; index < count; index++) {
    const length = data.readUInt16BE(2 + 2 * index);
    if (at + length > data.length)
      throw new FramingError('packet size mismatch: the arguments are longer than the packet');
    blobs.push(data.subarray(at, at + length));
    at += length;
  }
  if (at !== data.length) throw new FramingError('packet size mismatch: bytes follow the last argument');
  return blobs;
}

function uint16(value: number): Buffer {
  if (value > maxField)
    throw new FramingError(`packet too big: ${value} bytes or items where ${maxField} are possible`);
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
