import type { Socket } from 'node:net';
import { connect as connectPlain, isIP } from 'node:net';
import type { SecureContext } from 'node:tls';
import { connect as connectTls } from 'node:tls';
import { DeadlineError } from '../errors.ts';
import type { Reply } from './framing.ts';
import { decodeReply, FramingError } from './framing.ts';

export interface SigndEndpoint {
  host: string;
  port: number;
  /** Own certificate and trusted authority, asked before every connection; absent means plain TCP. */
  secureContext?: () => SecureContext;
  /** The name the server's certificate must carry, when it is not `host`. */
  servername?: string;
}

const maxReplyLength = 6 + 2 * 0xffff;

/**
 * One request on one connection: writes it, reads until the server closes, and takes the reply apart. The connection is never half-closed:
 * the server ends it. Rejects on connection trouble, after `timeoutMs` in total (DeadlineError), or with the signal's reason.
 */
export function exchange(
  endpoint: SigndEndpoint,
  request: Buffer,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const socket = open(endpoint);
    const chunks: Buffer[] = [];
    let received = 0;

    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.destroy();
      finish();
    };
    const onAbort = (): void => settle(() => reject(signal?.reason));
    const timer = setTimeout(
      () =>
        settle(() =>
          reject(new DeadlineError(`the request to keygen at ${endpoint.host}:${endpoint.port}`, timeoutMs)),
        ),
      timeoutMs,
    );
    signal?.addEventListener('abort', onAbort, { once: true });

    socket.on(endpoint.secureContext === undefined ? 'connect' : 'secureConnect', () => socket.write(request));
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received > maxReplyLength)
        settle(() => reject(new FramingError('packet too big: the reply exceeds the protocol')));
      else chunks.push(chunk);
    });
    socket.on('error', (error) => settle(() => reject(error)));
    socket.on('end', () =>
      settle(() => {
        try {
          resolve(decodeReply(Buffer.concat(chunks)));
        } catch (error) {
          reject(error);
        }
      }),
    );
    socket.on('close', () =>
      settle(() => reject(new FramingError('the connection closed before the reply was complete'))),
    );
  });
}

/** A connection to the endpoint under way; over TLS the server's certificate must be valid for its name. */
export function open(endpoint: SigndEndpoint): Socket {
  const { host, port, secureContext } = endpoint;
  if (secureContext === undefined) return connectPlain({ host, port }).setNoDelay(true);
  const name = endpoint.servername ?? host;
  // An address is checked against the certificate too, but may not be sent as a server name.
  const servername = isIP(name) === 0 ? { servername: name } : {};
  return connectTls({ host, port, secureContext: secureContext(), ...servername }).setNoDelay(true);
}
