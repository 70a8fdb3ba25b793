/**
 * Keeps a store equal to the API server's collection.
 *
 *   idle → listing → watching ⇄ backoff
 *             ↑________________|        any state → stopped
 *
 * - The first list takes the server's watch cache (resourceVersion 0); every later one is current.
 * - A watch goes on from the last version it saw, kept fresh by bookmarks. Lost history (410, in the status or in the
 *   stream) or a version that moves backwards (the server was restored from a backup) means: list again.
 * - Any other failure keeps the version and waits 0.8–30 s with jitter.
 * - Silence is not trusted: bookmarks come every minute or so, thus 90 s without a byte is a dead connection, or a kind
 *   of which the server has had no news since its start: it sends no bookmarks then. Another watch at once serves both.
 * The stream loop parses, updates the store and nothing else.
 */
import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { ApiError, isForbidden, isFutureVersion, isGone, isNotFound } from './apiError.ts';
import type { ApiClient } from './client.ts';
import type { ReflectorMetrics } from './metrics.ts';
import type { KubeObject, ResourceType } from './resource.ts';
import { keyOf, resourcePath, typeName } from './resource.ts';
import type { ObjectStore } from './store.ts';
import { compareVersions } from './version.ts';
import { HistoryError, parseWatchEvent, StreamError } from './watchEvent.ts';
import { SilentWatch, watchLines } from './watchStream.ts';

export type ReflectorState = 'idle' | 'listing' | 'watching' | 'backoff' | 'stopped';

export interface ReflectorOptions<T extends KubeObject> {
  type: ResourceType<T>;
  client: ApiClient;
  store: ObjectStore<T>;
  transform: (obj: T) => T;
  clock: Clock;
  log: Logger;
  metrics: ReflectorMetrics;
  random: () => number;
  /** All namespaces when absent. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  timing?: Partial<ReflectorTiming>;
}

export interface ReflectorTiming {
  backoffBaseMs: number;
  backoffMaxMs: number;
  /** Without a byte for this long the watch is dead. */
  stallMs: number;
  /** What the server is asked to end a watch after, ±20 %. */
  watchMs: number;
  /** A watch that ends sooner counts as failed, lest a confused server is asked again at once, forever. */
  shortWatchMs: number;
  /** Deadline of a list, or of one page of it. */
  listMs: number;
}

const defaultTiming: ReflectorTiming = {
  backoffBaseMs: 800,
  backoffMaxMs: 30_000,
  stallMs: 90_000,
  watchMs: 300_000,
  shortWatchMs: 1_000,
  listMs: 60_000,
};

export class Reflector<T extends KubeObject> {
  private readonly options: ReflectorOptions<T>;
  private readonly timing: ReflectorTiming;
  private readonly log: Logger;
  private readonly scope: string;
  private readonly path: string;
  private readonly name: string;
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private current: ReflectorState = 'idle';
  /** Where the next watch starts; undefined means list first. */
  private version: string | undefined;
  private lists = 0;
  /** Failures, and among them losses of history, since the stream last carried something. */
  private failures = 0;
  private losses = 0;
  private expiredLists = 0;

  constructor(options: ReflectorOptions<T>) {
    this.options = options;
    this.timing = { ...defaultTiming, ...options.timing };
    this.scope = options.namespace ?? '';
    this.path = resourcePath(options.type, options.namespace === undefined ? {} : { namespace: options.namespace });
    this.name = typeName(options.type);
    this.log = options.log.child({ resource: this.name, ...(this.scope === '' ? {} : { namespace: this.scope }) });
  }

  get state(): ReflectorState {
    return this.current;
  }

  start(): void {
    if (this.current !== 'idle') throw new Error(`the reflector of ${this.name} was started already`);
    this.running = this.run();
  }

  /** Resolves when nothing of it is left running. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error('the reflector was stopped'));
    await this.running;
    this.current = 'stopped';
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        if (this.version === undefined) await this.list();
        await this.watch();
      } catch (error) {
        if (signal.aborted) return;
        const delay = this.judge(error);
        if (delay > 0) {
          this.current = 'backoff';
          await this.options.clock.sleep(delay, signal).catch(() => undefined);
        }
      }
    }
  }

  /** Decides what a failure means for the next round and returns the wait before it. */
  private judge(error: unknown): number {
    if (error instanceof SilentWatch) {
      // It has waited long enough, and opening it shows that the server is there: the watches of a quiet kind end like
      // this again and again, and a wait that grows each time would keep its first news for up to 30 s.
      this.progressed();
      this.options.metrics.failed(this.name, 'silence');
      this.log.debug({ err: error.message }, 'watching anew');
      return 0;
    }
    this.failures += 1;
    const relist = isGone(error) || isFutureVersion(error) || error instanceof HistoryError;
    if (relist && this.version === undefined) this.expiredLists += 1;
    if (relist) {
      this.losses += 1;
      this.version = undefined;
    }
    this.options.metrics.failed(this.name, relist ? 'relist' : causeOf(error));
    const delay = relist && this.losses === 1 ? 0 : this.backoffMs(error);
    const fields = { delayMs: Math.round(delay), failures: this.failures, err: errorMessage(error) };
    // Missing permissions or CRDs do not heal by themselves; the rest is everyday life of a network.
    if (isForbidden(error) || isNotFound(error) || this.failures % 5 === 0)
      this.log.warn(fields, 'cannot follow the collection');
    else this.log.debug(fields, relist ? 'listing again' : 'watch broke');
    return delay;
  }

  private backoffMs(error: unknown): number {
    const { backoffBaseMs, backoffMaxMs } = this.timing;
    const ceiling = Math.min(backoffMaxMs, backoffBaseMs * 2 ** Math.min(this.failures, 20));
    const jittered = backoffBaseMs + (ceiling - backoffBaseMs) * this.options.random();
    const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
    return Math.max(jittered, Math.min(asked, backoffMaxMs));
  }

  private async list(): Promise<void> {
    const { client, type, store, transform, clock, metrics } = this.options;
    this.current = 'listing';
    const started = clock.monotonic();
    const first = this.lists === 0;
    this.lists += 1;
    const { items, resourceVersion } = await client.list(type, {
      ...this.selectors(),
      ...(this.options.namespace === undefined ? {} : { namespace: this.options.namespace }),
      ...(first ? { resourceVersion: '0' } : {}),
      // Twice the pages took longer than the server keeps their snapshot: take it all in one answer.
      ...(this.expiredLists >= 2 ? { limit: 0 } : {}),
      timeoutMs: this.timing.listMs,
      transform,
      signal: this.stopping.signal,
    });
    await store.replace(items, this.scope);
    store.observe(this.scope, resourceVersion);
    this.version = resourceVersion;
    this.expiredLists = 0;
    metrics.listed(this.name, items.length, clock.monotonic() - started);
  }

  private async watch(): Promise<void> {
    const { client, clock, metrics } = this.options;
    this.current = 'watching';
    const started = clock.monotonic();
    const { watchMs, stallMs } = this.timing;
    const query = {
      ...this.selectors(),
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: this.version,
      timeoutSeconds: Math.round((watchMs / 1000) * (0.8 + 0.4 * this.options.random())),
    };
    const { signal } = this.stopping;
    try {
      await watchLines({ client, clock, path: this.path, query, stallMs, signal }, (line) => this.handleLine(line));
    } finally {
      metrics.watched(this.name, clock.monotonic() - started);
    }
    if (clock.monotonic() - started < this.timing.shortWatchMs)
      throw new StreamError('the server ended the watch at once');
    this.progressed();
  }

  private progressed(): void {
    this.failures = 0;
    this.losses = 0;
  }

  private handleLine(line: string): void {
    const event = parseWatchEvent<T>(line, this.path);
    const { version } = event;
    if (this.version !== undefined && compareVersions(version, this.version) < 0) {
      throw new HistoryError(`resourceVersion went back from ${this.version} to ${version}`);
    }
    const { store, transform, metrics } = this.options;
    if (event.type === 'ADDED' || event.type === 'MODIFIED') store.upsert(transform(event.object));
    else if (event.type === 'DELETED') store.remove(keyOf(event.object));
    else if (event.type !== 'BOOKMARK') this.log.warn({ eventType: event.type }, 'unknown kind of watch event');
    this.version = version;
    this.progressed();
    store.observe(this.scope, version);
    metrics.event(this.name, event.type, store.size);
  }

  private selectors(): { labelSelector?: string; fieldSelector?: string } {
    const { labelSelector, fieldSelector } = this.options;
    return {
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
  }
}

function causeOf(error: unknown): string {
  if (error instanceof ApiError) return String(error.status);
  if (error instanceof StreamError) return 'stream';
  return 'network';
}
