import { IncomingMessage } from 'node:http';
import { type BlockList, Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClientLimit, clientAddress, networks } from './client-limit.ts';

describe('the limit of clients', () => {
  it('lets each client have its share, whatever the others do, and forgets those that are gone', () => {
    const step = fc.record({ client: fc.constantFrom('a', 'b', 'c'), enters: fc.boolean() });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step), (max, steps) => {
        const limit = new ClientLimit(max);
        const inside = new Map<string, (() => void)[]>([
          ['a', []],
          ['b', []],
          ['c', []],
        ]);
        for (const { client, enters } of steps) {
          const places = inside.get(client) ?? [];
          if (!enters) {
            const release = places.pop();
            release?.();
            // A response may both finish and close.
            release?.();
            continue;
          }
          const release = limit.enter(client);
          expect(release !== undefined).toBe(places.length < max);
          if (release) places.push(release);
        }
        expect(limit.size).toBe([...inside.values()].filter((places) => places.length > 0).length);
      }),
    );
  });
});

function request(from: string, forwarded?: string): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: from });
  const made = new IncomingMessage(socket);
  if (forwarded !== undefined) made.headers['x-forwarded-for'] = forwarded;
  return made;
}

function trusted(...items: string[]): BlockList {
  const list = networks(items);
  if (typeof list === 'string') throw new Error(list);
  return list;
}

describe('the address of a client', () => {
  it.each<[string, string, string | undefined, string]>([
    ['of the connection', '192.0.2.1', undefined, '192.0.2.1'],
    ['of the connection, in IPv6', '::ffff:192.0.2.1', undefined, '192.0.2.1'],
    ['of the connection, whatever one who is not trusted says', '192.0.2.1', '198.51.100.9', '192.0.2.1'],
    ['of one who is not trusted, though it names a proxy', '192.0.2.1', '198.51.100.9, 10.1.0.5', '192.0.2.1'],
    ['named by the proxy', '10.1.0.5', '198.51.100.9', '198.51.100.9'],
    ['named by the proxy, which came as IPv6', '::ffff:10.1.0.5', '::ffff:198.51.100.9', '198.51.100.9'],
    ['named by the proxy, not by its client', '10.1.0.5', '203.0.113.7, 198.51.100.9', '198.51.100.9'],
    ['named by the first of two proxies', '10.1.0.5', '203.0.113.7, 198.51.100.9, fd00::2', '198.51.100.9'],
    ['of the proxy that names nobody', '10.1.0.5', undefined, '10.1.0.5'],
    ['of the proxy that names something else', '10.1.0.5', '198.51.100.9, unknown', '10.1.0.5'],
    ['of the proxy that is the client itself', '10.1.0.5', '10.1.0.6', '10.1.0.6'],
    ['of nobody, when the connection is gone', '', '198.51.100.9', ''],
  ])('is that %s', (_, from, forwarded, expected) => {
    expect(clientAddress(request(from, forwarded), trusted('10.1.0.0/16', 'fd00::2'))).toBe(expected);
  });

  it('is that of the connection when no proxy is trusted, whatever the header holds', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.oneof(fc.string(), fc.ipV4(), fc.ipV6()), (from, forwarded) => {
        expect(clientAddress(request(from, forwarded), trusted())).toBe(from);
      }),
    );
  });

  it('is never further to the left than the last one that no proxy vouches for', () => {
    const proxy = fc.integer({ min: 0, max: 255 }).map((n) => `10.1.0.${n}`);
    const client = fc.integer({ min: 0, max: 255 }).map((n) => `192.0.2.${n}`);
    fc.assert(
      fc.property(fc.string(), client, fc.array(proxy), proxy, (invented, from, between, last) => {
        const forwarded = [invented, from, ...between].join(', ');
        expect(clientAddress(request(last, forwarded), trusted('10.1.0.0/24'))).toBe(from);
      }),
    );
  });
});

describe('networks', () => {
  it.each(['', 'proxy', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/-1', 'fd00::/129', '10.0.0/8'])(
    'refuse "%s"',
    (item) => {
      expect(networks(['10.0.0.7', item])).toBe(`"${item}" is not an address or a network such as 10.1.0.0/16`);
    },
  );

  it.each(['0.0.0.0/0', '::/0'])('refuse "%s", which is everybody', (item) => {
    expect(networks([item])).toBe(`"${item}" is everybody: name the proxies only`);
  });
});
