import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { listen } from '../../lib/listen.ts';

/** A stretch of network between a client and a server on this machine, which can be cut and mended. */
export interface Cuttable {
  port: number;
  /** Bytes that went through towards the client. */
  passed(): number;
  /** Ends all connections, and refuses new ones until it is mended. */
  cut(): void;
  /** Lets nothing through any more, without a word to either side: new connections are made and stay silent, too. */
  freeze(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function cuttable(target: number): Promise<Cuttable> {
  let state: 'whole' | 'cut' | 'frozen' = 'whole';
  let passed = 0;
  const pairs = new Set<[Socket, Socket]>();
  const destroy = ([one, other]: [Socket, Socket]): void => {
    one.destroy();
    other.destroy();
  };
  const server = createServer((client) => {
    client.on('error', () => client.destroy());
    if (state === 'cut') {
      client.destroy();
      return;
    }
    const upstream = connect(target, '127.0.0.1');
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    for (const socket of pair) {
      const other = socket === client ? upstream : client;
      socket.on('data', (data) => {
        // Of a frozen stretch nothing ever comes out, also after it was mended: what was lost is lost.
        if (state === 'frozen' || frozen.has(pair)) return;
        if (socket === upstream) passed += data.length;
        other.write(data);
      });
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        if (!frozen.has(pair)) destroy(pair);
        pairs.delete(pair);
      });
    }
    if (state === 'frozen') frozen.add(pair);
  });
  const frozen = new Set<[Socket, Socket]>();
  const port = await listen(server, { port: 0, host: '127.0.0.1' });
  return {
    port,
    passed: () => passed,
    cut() {
      state = 'cut';
      for (const pair of pairs) destroy(pair);
    },
    freeze() {
      state = 'frozen';
      for (const pair of pairs) frozen.add(pair);
    },
    mend() {
      state = 'whole';
    },
    async close() {
      for (const pair of [...pairs, ...frozen]) destroy(pair);
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
