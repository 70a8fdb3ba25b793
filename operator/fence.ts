import type { ApiClient } from './client.ts';

/** A write was refused because another process may lead by now. */
export class NotLeaderError extends Error {
  constructor() {
    super('this process is not the leader; nothing was written');
    this.name = 'NotLeaderError';
  }
}

/**
 * A client whose writes fail once `mayWrite` says no: a process that was paused in the middle of a reconcile wakes up
 * and would go on as if no time had passed. Its lease is over by the clock before anybody could tell it so.
 */
export function fence(client: ApiClient, mayWrite: () => boolean): ApiClient {
  async function guarded<R>(write: () => Promise<R>): Promise<R> {
    if (!mayWrite()) throw new NotLeaderError();
    return write();
  }
  return {
    server: client.server,
    get: (type, key, options) => client.get(type, key, options),
    list: (type, options) => client.list(type, options),
    stream: (request) => client.stream(request),
    podLog: (key, options) => client.podLog(key, options),
    connectionsOpened: () => client.connectionsOpened(),
    close: () => client.close(),
    create: (type, obj, options) => guarded(() => client.create(type, obj, options)),
    apply: (type, obj, options) => guarded(() => client.apply(type, obj, options)),
    patchFinalizers: (type, obj, finalizers, options) =>
      guarded(() => client.patchFinalizers(type, obj, finalizers, options)),
    mergePatch: (type, key, patch, options) => guarded(() => client.mergePatch(type, key, patch, options)),
    delete: (type, key, options) => guarded(() => client.delete(type, key, options)),
    request: (request) => (request.method === 'GET' ? client.request(request) : guarded(() => client.request(request))),
  };
}
