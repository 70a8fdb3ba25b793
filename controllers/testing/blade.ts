import type { Dispatcher } from 'undici';
import type { ApiClient } from '../../operator/client.ts';
import type { KubeObject, ResourceType } from '../../operator/resource.ts';

export class ProcessDied extends Error {}

/**
 * Ends a process after its n-th write: that write takes effect, but the process never hears of it, and nothing that it
 * does later reaches anybody. Writes are those to the API server (but Events and Leases, on which nothing is decided)
 * and the requests to services that change something. Without n it only counts.
 */
export class Blade {
  writes = 0;
  /** What was written, in order. */
  readonly log: string[] = [];
  private after: number | undefined;
  private fall: () => void = () => undefined;
  private fallen = false;
  readonly died: Promise<void>;

  constructor(after?: number) {
    this.after = after;
    this.died = new Promise((resolve) => {
      this.fall = resolve;
    });
  }

  /** To die after so many writes more. */
  arm(writes: number): void {
    this.after = this.writes + writes;
  }

  get dead(): boolean {
    return this.fallen;
  }

  kill(): void {
    this.fallen = true;
    this.fall();
  }

  /** A client whose calls fail once the process is dead. */
  client(inner: ApiClient): ApiClient {
    const read = async <R>(work: () => Promise<R>): Promise<R> => {
      if (this.fallen) throw new ProcessDied('this process is dead');
      return work();
    };
    const write = async <R>(type: ResourceType<KubeObject> | undefined, what: string, work: () => Promise<R>) => {
      if (type?.plural === 'events' || type?.plural === 'leases') return read(work);
      return this.write(`${what} ${type?.plural ?? ''}`, work);
    };
    return {
      server: inner.server,
      connectionsOpened: () => inner.connectionsOpened(),
      close: () => inner.close(),
      get: (type, key, options) => read(() => inner.get(type, key, options)),
      list: (type, options) => read(() => inner.list(type, options)),
      stream: (request) => read(() => inner.stream(request)),
      podLog: (key, options) => {
        if (this.fallen) throw new ProcessDied('this process is dead');
        return inner.podLog(key, options);
      },
      create: (type, obj, options) => write(type, 'create', () => inner.create(type, obj, options)),
      apply: (type, obj, options) => write(type, 'apply', () => inner.apply(type, obj, options)),
      patchFinalizers: (type, obj, finalizers, options) =>
        write(type, 'finalizers', () => inner.patchFinalizers(type, obj, finalizers, options)),
      mergePatch: (type, key, patch, options) =>
        write(type, 'patch', () => inner.mergePatch(type, key, patch, options)),
      delete: (type, key, options) => write(type, 'delete', () => inner.delete(type, key, options)),
      request: (request) =>
        request.method === 'GET'
          ? read(() => inner.request(request))
          : write(undefined, request.method, () => inner.request(request)),
    };
  }

  /** The same for requests to services. The reply to the last one is lost. */
  dispatcher(inner: Dispatcher): Dispatcher {
    return inner.compose((dispatch) => (options, handler) => {
      if (this.fallen) throw new ProcessDied('this process is dead');
      if (options.method === 'GET') return dispatch(options, handler);
      this.count(`${options.method} ${options.path}`);
      return dispatch(options, handler);
    });
  }

  private async write<R>(what: string, work: () => Promise<R>): Promise<R> {
    if (this.fallen) throw new ProcessDied('this process is dead');
    const last = this.next(what);
    // Nothing else is to be sent while the last write is on its way.
    if (last) this.fallen = true;
    try {
      const result = await work();
      if (this.fallen) throw new ProcessDied('this process died upon its write');
      return result;
    } finally {
      if (last) this.fall();
    }
  }

  private count(what: string): void {
    if (this.next(what)) this.kill();
  }

  private next(what: string): boolean {
    this.writes++;
    this.log.push(what);
    return this.writes === this.after;
  }
}
