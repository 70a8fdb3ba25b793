import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../clock.ts';
import { DeadlineError } from '../errors.ts';
import { encodeSubpacket, encodeV3Signature, encodeV4Signature } from '../openpgp/signature.ts';
import { SigndClient, SigndError, UnknownKeyError } from './client.ts';
import { DetachedSigner } from './detached.ts';
import { decodeRequest, encodeList, encodeReply } from './framing.ts';
import { parseDigest } from './message.ts';

const user = 'alice#hello@copr.test';
const digest = Buffer.alloc(32, 0xab);
const mpis = Buffer.from('0008ff', 'hex');
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

interface Peer {
  client: SigndClient;
  pauses: number[];
  requests: string[][];
}

/** A client of a server that acts by `script`: one step per connection, the last one for all that follow. */
async function peer(script: readonly ((socket: Socket, args: string[]) => void)[], timeoutMs = 2_000): Promise<Peer> {
  const requests: string[][] = [];
  const server = createServer((socket) => {
    const step = script[Math.min(requests.length, script.length - 1)];
    const turn = requests.push([]) - 1;
    const chunks: Buffer[] = [];
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      const request = decodeRequest(Buffer.concat(chunks));
      const args = request.form === 'new' ? request.args.map(String) : [];
      requests[turn] = args;
      step?.(socket, args);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const pauses: number[] = [];
  const clock: Clock = {
    now: () => 1_700_000_000_000,
    monotonic: () => 0,
    sleep: async (ms) => {
      pauses.push(ms);
    },
  };
  const endpoint = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const log = pino({ level: 'silent' });
  return { client: new SigndClient({ endpoint, clock, log, attemptTimeoutMs: timeoutMs }), pauses, requests };
}

const say =
  (status: number, out: Buffer, err = '') =>
  (socket: Socket): void => {
    socket.end(encodeReply({ status, out, err }));
  };
const reset = (socket: Socket): void => {
  socket.resetAndDestroy();
};

/** Answers a sign request as a server with the key `fingerprint` does. */
const signAs =
  (fingerprint: Buffer) =>
  (socket: Socket, args: string[]): void => {
    const blobs = args.slice(2).map((arg) => {
      const request = parseDigest('SHA256', arg);
      if (request === undefined) throw new Error(`unexpected ${arg}`);
      const common = {
        publicKeyAlgorithm: 1,
        hashAlgorithm: 8,
        left16: request.digest.subarray(0, 2),
        mpis,
        signatureClass: 0,
      };
      if (request.time !== 0)
        return encodeV3Signature({ ...common, time: request.time, issuer: fingerprint.subarray(12) });
      const hashed = encodeSubpacket(33, Buffer.concat([Buffer.from([4]), fingerprint]));
      return encodeV4Signature({ ...common, hashed, unhashed: Buffer.alloc(0) });
    });
    socket.end(encodeReply({ status: 0, out: encodeList(blobs), err: '' }));
  };

describe('SigndClient', () => {
  it('tries again after 1, 2 and 4 seconds when connections break, then succeeds', async () => {
    const { client, pauses } = await peer([reset, (socket) => socket.end(), reset, signAs(Buffer.alloc(20, 1))]);
    const [packet] = await client.sign(user, 'SHA256', [{ digest, time: 5 }]);
    expect(packet?.subarray(0, 1).toString('hex')).toBe('89');
    expect(pauses).toEqual([1000, 2000, 4000]);
  });

  it('gives up after four attempts', async () => {
    const { client, pauses, requests } = await peer([reset]);
    await expect(client.ping()).rejects.toThrow();
    expect(pauses).toHaveLength(3);
    expect(requests).toHaveLength(4);
  });

  it('throws UnknownKeyError at once', async () => {
    const { client, pauses } = await peer([say(1, Buffer.alloc(0), `unknown key: ${user}\n`)]);
    await expect(client.pubkey(user)).rejects.toThrow(UnknownKeyError);
    expect(pauses).toEqual([]);
  });

  it('does not repeat what was refused for good, but what was refused for the moment', async () => {
    const refused = await peer([say(1, Buffer.alloc(0), 'malformed argument\n')]);
    await expect(refused.client.pubkey(user)).rejects.toThrow(new SigndError(1, 'malformed argument'));
    expect(refused.pauses).toEqual([]);
    const busy = await peer([say(75, Buffer.alloc(0), 'the disk is full\n')]);
    await expect(busy.client.pubkey(user)).rejects.toThrow('the disk is full');
    expect(busy.pauses).toHaveLength(3);
  });

  it('does not wait for ever for a silent server', async () => {
    const { client } = await peer([() => {}], 100);
    await expect(client.ping()).rejects.toThrow(DeadlineError);
  });

  it('stops when it is told to', async () => {
    const { client, requests } = await peer([() => {}], 60_000);
    const controller = new AbortController();
    const pinging = client.ping(controller.signal);
    controller.abort(new Error('enough'));
    await expect(pinging).rejects.toThrow('enough');
    await expect(client.ping(controller.signal)).rejects.toThrow('enough');
    expect(requests.length).toBeLessThanOrEqual(1);
  });

  it.each([
    ['too few signatures', encodeList([])],
    [
      'a signature for another digest',
      encodeList([
        encodeV3Signature({
          signatureClass: 0,
          time: 5,
          issuer: Buffer.alloc(8),
          publicKeyAlgorithm: 1,
          hashAlgorithm: 8,
          left16: Buffer.from('0000', 'hex'),
          mpis,
        }),
      ]),
    ],
    [
      'a signature of another time',
      encodeList([
        encodeV3Signature({
          signatureClass: 0,
          time: 6,
          issuer: Buffer.alloc(8),
          publicKeyAlgorithm: 1,
          hashAlgorithm: 8,
          left16: digest.subarray(0, 2),
          mpis,
        }),
      ]),
    ],
    ['garbage', Buffer.from('garbage')],
  ])('does not accept %s', async (_name, out) => {
    const { client } = await peer([say(0, out)]);
    await expect(client.sign(user, 'SHA256', [{ digest, time: 5 }])).rejects.toThrow();
  });

  it('sends more digests than fit one request in several', async () => {
    const { client, requests } = await peer([signAs(Buffer.alloc(20, 1))]);
    const digests = Array.from({ length: 205 }, (_, index) => ({ digest: Buffer.alloc(32, index), time: index + 1 }));
    expect(await client.sign(user, 'SHA256', digests)).toHaveLength(205);
    expect(requests.map((args) => args.length - 2)).toEqual([100, 100, 5]);
  });
});

describe('DetachedSigner', () => {
  it('asks for the fingerprint once per user', async () => {
    const { client, requests } = await peer([signAs(Buffer.alloc(20, 1))]);
    const signer = new DetachedSigner(client, {
      now: () => 1_700_000_000_000,
      monotonic: () => 0,
      sleep: async () => {},
    });
    const [one, two] = [await signer.sign(user, Buffer.from('a')), await signer.sign(user, Buffer.from('b'))];
    expect(one.subarray(3, 4).toString('hex')).toBe('04');
    expect(two).not.toEqual(one);
    expect(requests).toHaveLength(3);
    expect(await signer.signAll(user, [])).toEqual([]);
  });

  it('notices that the key was replaced and hashes again for the new one', async () => {
    const [old, current] = [Buffer.alloc(20, 1), Buffer.alloc(20, 2)];
    const { client, requests } = await peer([signAs(old), signAs(old), signAs(current)]);
    const signer = new DetachedSigner(client, {
      now: () => 1_700_000_000_000,
      monotonic: () => 0,
      sleep: async () => {},
    });
    let reads = 0;
    const data = async function* (): AsyncGenerator<Buffer> {
      reads++;
      yield Buffer.from('data');
    };
    await signer.sign(user, data);
    const signature = await signer.sign(user, data);
    expect(signature.includes(current)).toBe(true);
    expect(reads).toBe(3);
    expect(requests).toHaveLength(5);
  });

  it('gives the same signature for a buffer and for a stream of its pieces', async () => {
    const { client } = await peer([signAs(Buffer.alloc(20, 1))]);
    const signer = new DetachedSigner(client, {
      now: () => 1_700_000_000_000,
      monotonic: () => 0,
      sleep: async () => {},
    });
    const pieces = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('da');
      yield Buffer.from('ta');
    };
    const [one, two] = await signer.signAll(user, [Buffer.from('data'), pieces]);
    expect(one).toEqual(two);
  });
});
