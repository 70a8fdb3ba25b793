import type { AddressInfo, ListenOptions, Server } from 'node:net';

/** Resolves with the port once the server listens (`port` 0 takes any free one); rejects when the port is taken or not allowed. */
export function listen(server: Server, options: Pick<ListenOptions, 'port' | 'host'>): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
