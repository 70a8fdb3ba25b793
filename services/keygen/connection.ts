import type { Socket } from 'node:net';
import { encodeReply, headerLength, maxField, requestLength } from '../../lib/signd/framing.ts';
import { temporaryFailure } from '../../lib/signd/message.ts';

/** One connection of the signd protocol: one request in, one reply out, closed by us. */

export interface ConnectionLimits {
  /** From accepting the connection to the last byte of the request, milliseconds. */
  readMs: number;
  /** From the whole request to the reply. */
  answerMs: number;
  /** From the reply to the peer's close; then the connection is destroyed. */
  closeMs: number;
}

export const standardLimits: ConnectionLimits = { readMs: 10_000, answerMs: 30_000, closeMs: 5_000 };

const maxRequestLength = headerLength + maxField;

/**
 * Serves `socket` and resolves when it is closed. `refusal` is sent instead of reading the request when the peer may not use the service.
 * `onDeadline` hears of the deadline that ended the connection.
 */
export function serveConnection(
  socket: Socket,
  answer: (request: Buffer) => Promise<Buffer>,
  limits: ConnectionLimits,
  onDeadline: (what: 'read' | 'answer' | 'close') => void,
  refusal?: string,
): Promise<void> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let received = 0;
    let expected: number | undefined;
    let answering = false;

    const arm = (what: 'read' | 'answer' | 'close', ms: number, act: () => void): NodeJS.Timeout =>
      setTimeout(() => {
        onDeadline(what);
        act();
      }, ms);
    let timer = arm('read', limits.readMs, () => socket.destroy());

    const reply = (bytes: Buffer): void => {
      clearTimeout(timer);
      timer = arm('close', limits.closeMs, () => socket.destroy());
      if (!socket.destroyed) socket.end(bytes);
    };
    const refuse = (status: number, message: string): void => {
      answering = true;
      reply(encodeReply({ status, out: Buffer.alloc(0), err: `${message}\n` }));
    };
    const begin = (): void => {
      answering = true;
      clearTimeout(timer);
      timer = arm('answer', limits.answerMs, () =>
        refuse(temporaryFailure, 'the request took too long; try again later'),
      );
      const current = timer;
      void answer(Buffer.concat(chunks)).then((bytes) => {
        if (timer === current) reply(bytes);
      });
    };

    // What arrives after the request or its refusal is read and dropped: closing with unread data would reset the connection, and the
    // peer would lose the message.
    socket.on('data', (chunk: Buffer) => {
      if (answering) return;
      chunks.push(chunk);
      received += chunk.length;
      expected ??= requestLength(Buffer.concat(chunks));
      if (expected === undefined) return;
      if (expected > maxRequestLength) refuse(1, `packet too big: ${expected} bytes, at most ${maxRequestLength}`);
      else if (received > expected) refuse(1, `packet size mismatch: ${received} bytes, expected ${expected}`);
      else if (received === expected) begin();
    });
    // A peer that half-closes after its request still gets its reply; one that leaves earlier is let go.
    socket.on('end', () => {
      if (!answering) socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
    if (refusal !== undefined) refuse(1, refusal);
  });
}
