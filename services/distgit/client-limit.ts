import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv6 } from 'node:net';

/** So many of something at a time for each client, so that one build cannot starve the others. */
export class ClientLimit {
  private readonly max: number;
  private readonly counts = new Map<string, number>();

  constructor(max: number) {
    this.max = max;
  }

  /** Clients that have anything under way. */
  get size(): number {
    return this.counts.size;
  }

  /** Undefined when the client has its share; else what gives the place back, once however often it is called. */
  enter(client: string): (() => void) | undefined {
    const count = this.counts.get(client) ?? 0;
    if (count >= this.max) return undefined;
    this.counts.set(client, count + 1);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      const left = (this.counts.get(client) ?? 0) - 1;
      if (left > 0) this.counts.set(client, left);
      else this.counts.delete(client);
    };
  }
}

/** Addresses and networks (`10.0.0.7`, `10.1.0.0/16`, `fd00::/64`), or a sentence on the first of them that is neither. */
export function networks(items: readonly string[]): BlockList | string {
  const list = new BlockList();
  for (const item of items) {
    const [address = '', length, ...more] = item.split('/');
    const bits = isIPv6(address) ? 128 : 32;
    const prefix = length === undefined ? bits : /^[0-9]{1,3}$/.test(length) ? Number(length) : Number.NaN;
    if (isIP(address) === 0 || more.length > 0 || !(prefix <= bits))
      return `"${item}" is not an address or a network such as 10.1.0.0/16`;
    if (prefix === 0) return `"${item}" is everybody: name the proxies only`;
    list.addSubnet(address, prefix, family(address));
  }
  return list;
}

/**
 * Of the connection; or, if that is a trusted proxy's, the last one in `X-Forwarded-For` that is not. What is further to
 * the left, and the header of everybody else, is the client's to invent.
 */
export function clientAddress(request: IncomingMessage, trusted: BlockList): string {
  let address = plain(request.socket.remoteAddress ?? '');
  const forwarded = [request.headers['x-forwarded-for'] ?? []].flat().join(',').split(',');
  while (isIP(address) !== 0 && trusted.check(address, family(address))) {
    const before = plain(forwarded.pop()?.trim() ?? '');
    if (isIP(before) === 0) break;
    address = before;
  }
  return address;
}

const family = (address: string): 'ipv4' | 'ipv6' => (isIPv6(address) ? 'ipv6' : 'ipv4');
/** A socket for both families shows IPv4 as a part of IPv6. */
const plain = (address: string): string => address.replace(/^::ffff:(?=[0-9.]+$)/i, '');
