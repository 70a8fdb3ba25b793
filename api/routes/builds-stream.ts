/** Answers that are too long to be held: they go out piece by piece, and other requests are served in between. */
import { setImmediate as breathe } from 'node:timers/promises';
import { streamReply } from '../http/reply.ts';

/** Items of an answer that goes out in one go. */
export const LONG = 1_000;

/**
 * `{<before> "<key>": [items…] <after>}`; members before and after are given as objects. No piece is empty. The first two
 * are there before anything is sent: what fails by then is answered as a failure, later the connection breaks off.
 */
export async function streamedList<T>(
  key: string,
  pieces: AsyncIterable<T[]>,
  show: (item: T) => object,
  around: { before?: object; after?: object },
): Promise<object> {
  const iterator = pieces[Symbol.asyncIterator]();
  const first = await iterator.next();
  const start = first.done === true ? [] : first.value;
  const second = first.done === true ? first : await iterator.next();
  if (second.done === true) return { ...around.before, [key]: start.map(show), ...around.after };
  const text = async function* (): AsyncGenerator<string> {
    yield `{${members(around.before)}${JSON.stringify(key)}:[`;
    yield start.map((item) => JSON.stringify(show(item))).join(',');
    for (let piece: IteratorResult<T[], unknown> = second; piece.done !== true; piece = await iterator.next()) {
      await breathe();
      yield `,${piece.value.map((item) => JSON.stringify(show(item))).join(',')}`;
    }
    const last = members(around.after);
    yield last === '' ? ']}' : `],${last.slice(0, -1)}}`;
  };
  return streamReply('application/json', text());
}

/** `"a":1,"b":2,` */
function members(object: object | undefined): string {
  const text = JSON.stringify(object ?? {}).slice(1, -1);
  return text === '' ? '' : `${text},`;
}

/** Something that is in memory, in pieces. */
export async function* piecesOf<T>(all: readonly T[], size: number): AsyncGenerator<T[]> {
  for (let at = 0; at < all.length; at += size) {
    yield all.slice(at, at + size);
    await breathe();
  }
}
