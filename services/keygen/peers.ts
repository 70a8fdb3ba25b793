import { BlockList, isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { TerminalError } from '../../lib/errors.ts';

/** Who may talk to keygen: holders of certificates with certain names, and hosts of certain networks on the plain port. */

/** The common name of a verified client certificate; undefined when there is none or more than one. */
export function commonNameOf(socket: TLSSocket): string | undefined {
  if (!socket.authorized) return undefined;
  // The types promise a string, but a subject with several common names gives an array.
  const name: unknown = socket.getPeerCertificate().subject?.CN;
  return typeof name === 'string' ? name : undefined;
}

/** Networks as `10.0.0.0/8`, `fd00::/8` or single addresses. Throws TerminalError for anything else. */
export function parseNetworks(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix, ...rest] = network.split('/');
    const family = isIP(address);
    const bits = prefix === undefined ? (family === 4 ? 32 : 128) : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
    if (family === 0 || rest.length > 0 || bits < 0 || bits > (family === 4 ? 32 : 128)) {
      throw new TerminalError(
        'BadNetwork',
        `KOPR_PLAIN_PEERS: "${network}" is not a network; expected one such as 10.42.0.0/16`,
      );
    }
    list.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

/** Whether the remote address of a connection is in `list`. IPv4 callers of a dual-stack socket appear as ::ffff:1.2.3.4. */
export function isInNetworks(list: BlockList, remoteAddress: string | undefined): boolean {
  const address = remoteAddress?.replace(/^::ffff:(?=\d+\.)/i, '') ?? '';
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
