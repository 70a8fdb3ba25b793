import type { AddressInfo, Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeReply, encodeNewRequest, encodePing } from '../../lib/signd/framing.ts';
import type { ConnectionLimits } from './connection.ts';
import { serveConnection } from './connection.ts';

const servers: Server[] = [];
const request = encodeNewRequest([Buffer.from('pubkey'), Buffer.from('alice')]);
const echo = async (data: Buffer): Promise<Buffer> =>
  Buffer.concat([Buffer.from('000000'.padEnd(12, '0'), 'hex').fill(data.length, 3, 4), data]);

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

interface Dialogue {
  socket: Socket;
  /** Everything the server sent until it closed. */
  received: Promise<Buffer>;
  deadlines: string[];
}

async function dial(answer = echo, limits: Partial<ConnectionLimits> = {}, refusal?: string): Promise<Dialogue> {
  const deadlines: string[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const all = { readMs: 2_000, answerMs: 2_000, closeMs: 2_000, ...limits };
    void serveConnection(socket, answer, all, (what) => deadlines.push(what), refusal);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  const received = new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('end', () => resolve(Buffer.concat(chunks)));
  });
  return { socket, received, deadlines };
}

describe('a signd connection', () => {
  it('is answered and closed by the server without waiting for the end of the request', async () => {
    const { socket, received } = await dial();
    socket.write(request);
    expect(decodeReply(await received).out).toEqual(request);
  });

  it('may bring the request byte by byte', async () => {
    const { socket, received } = await dial();
    socket.setNoDelay(true);
    for (const byte of request) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(decodeReply(await received).out).toEqual(request);
  });

  it('of a peer that half-closes is answered all the same', async () => {
    const { socket, received } = await dial(async (data) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return echo(data);
    });
    socket.end(encodePing());
    expect(decodeReply(await received).out).toEqual(encodePing());
  });

  it('with bytes after the request is refused with a message that arrives', async () => {
    const { socket, received } = await dial();
    socket.write(Buffer.concat([request, Buffer.alloc(200_000)]));
    expect(decodeReply(await received)).toMatchObject({
      status: 1,
      err: expect.stringContaining('packet size mismatch'),
    });
  });

  it('that announces more than the protocol holds is refused before it is read', async () => {
    const { socket, received } = await dial();
    socket.write(Buffer.from('ffffffff', 'hex'));
    expect(decodeReply(await received).err).toBe('packet too big: 131074 bytes, at most 65539\n');
  });

  it('of a stranger is refused without a look at the request', async () => {
    const asked: Buffer[] = [];
    const { socket, received } = await dial(
      async (data) => {
        asked.push(data);
        return data;
      },
      {},
      'you are not allowed',
    );
    socket.write(request);
    expect(decodeReply(await received)).toMatchObject({ status: 1, err: 'you are not allowed\n' });
    expect(asked).toEqual([]);
  });

  it('that never sends its request is cut', async () => {
    const { socket, received, deadlines } = await dial(echo, { readMs: 50 });
    socket.write(request.subarray(0, 7));
    expect((await received).length).toBe(0);
    expect(deadlines).toEqual(['read']);
  });

  it('whose answer takes too long gets a refusal that may be tried again', async () => {
    const { socket, received, deadlines } = await dial(() => new Promise(() => {}), { answerMs: 50 });
    socket.write(request);
    expect(decodeReply(await received)).toMatchObject({
      status: 75,
      err: 'the request took too long; try again later\n',
    });
    expect(deadlines).toEqual(['answer']);
  });

  it('that the peer leaves early is dropped in silence', async () => {
    const { socket, received } = await dial();
    socket.end(request.subarray(0, 3));
    expect((await received).length).toBe(0);
  });
});
