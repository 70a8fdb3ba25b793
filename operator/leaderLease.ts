/** The Lease that candidates for the leadership compete for: what one of them knows of it, and how it writes to it. */
import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { isAlreadyExists, isConflict, isNotFound } from './apiError.ts';
import type { ApiClient } from './client.ts';
import type { Lease } from './core.ts';
import { Leases } from './core.ts';
import { toMicroTime } from './microTime.ts';

const RELEASE_ATTEMPTS = 3;

export interface LeaderLeaseOptions {
  namespace: string;
  name: string;
  identity: string;
  leaseMs: number;
  /** Of one request. */
  timeoutMs: number;
}

export interface LeaderLeaseDeps {
  client: ApiClient;
  clock: Clock;
  log: Logger;
}

/** Every write is on condition that nobody wrote since the lease was read. */
export class LeaderLease {
  /** Namespace and name. */
  readonly key: string;
  private readonly options: LeaderLeaseOptions;
  private readonly deps: LeaderLeaseDeps;
  private seen: { lease: Lease; at: number } | undefined;

  constructor(options: LeaderLeaseOptions, deps: LeaderLeaseDeps) {
    this.options = options;
    this.deps = deps;
    this.key = `${options.namespace}/${options.name}`;
  }

  /** Identity of another process that held the lease when it was last seen. */
  otherHolder(): string | undefined {
    const holder = this.seen?.lease.spec?.holderIdentity;
    return holder && holder !== this.options.identity ? holder : undefined;
  }

  /**
   * One try to take the lease, or to renew it when it is `held`: resolves with `taken`, with `lost` when another
   * candidate was faster, or with `occupied` while another one's lease lasts. Rejects when there is no answer.
   */
  async take(held: boolean, signal: AbortSignal): Promise<'taken' | 'lost' | 'occupied'> {
    try {
      if (held && this.seen) {
        // Nobody else writes a healthy lease, so its version is known without reading it.
        await this.write(this.seen.lease, signal);
        return 'taken';
      }
    } catch (error) {
      // Touched by somebody, or deleted: find out which.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
    const lease = await this.read(signal);
    if (lease) this.observe(lease);
    if (lease && this.otherHolder() && !this.expired()) return 'occupied';
    try {
      await (lease ? this.write(lease, signal) : this.create(signal));
      return 'taken';
    } catch (error) {
      // Another candidate was faster.
      if (lease ? isConflict(error) : isAlreadyExists(error)) return 'lost';
      throw error;
    }
  }

  /** Lets the next leader take the lease at once, if it is ours. Never rejects: the lease ends by itself in 15 s. */
  async release(): Promise<void> {
    const { log } = this.deps;
    try {
      // A write that was cut off by the stop may still be carried out: then the version that was read is not the last.
      for (let attempt = 1; attempt <= RELEASE_ATTEMPTS; attempt++) {
        const outcome = await this.giveBack();
        if (outcome === 'changed') continue;
        if (outcome === 'given') log.info('gave the lease back');
        return;
      }
      log.warn({ attempts: RELEASE_ATTEMPTS }, 'could not give the lease back: it changes all the time');
    } catch (error) {
      log.warn({ err: errorMessage(error) }, 'could not give the lease back');
    }
  }

  private read(signal?: AbortSignal): Promise<Lease | undefined> {
    const { timeoutMs } = this.options;
    return this.deps.client.get(Leases, this.key, signal ? { signal, timeoutMs } : { timeoutMs });
  }

  private observe(lease: Lease): void {
    if (this.seen?.lease.metadata.resourceVersion === lease.metadata.resourceVersion) return;
    this.seen = { lease, at: this.deps.clock.monotonic() };
  }

  private expired(): boolean {
    if (!this.seen) return false;
    const stated = (this.seen.lease.spec?.leaseDurationSeconds ?? 0) * 1000;
    return this.deps.clock.monotonic() >= this.seen.at + Math.max(stated, this.options.leaseMs);
  }

  private async create(signal: AbortSignal): Promise<void> {
    const { client, clock } = this.deps;
    const { namespace, name, identity, leaseMs, timeoutMs } = this.options;
    const now = toMicroTime(clock.now());
    const lease = {
      metadata: { namespace, name },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.round(leaseMs / 1000),
        acquireTime: now,
        renewTime: now,
        leaseTransitions: 0,
      },
    };
    this.observe(await client.create(Leases, lease, { signal, timeoutMs }));
  }

  /** Writes our name and the time. */
  private async write(lease: Lease, signal: AbortSignal): Promise<void> {
    const { client, clock } = this.deps;
    const { identity, leaseMs, timeoutMs } = this.options;
    const now = toMicroTime(clock.now());
    const taking = lease.spec?.holderIdentity !== identity;
    const patch = {
      metadata: { resourceVersion: lease.metadata.resourceVersion },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.round(leaseMs / 1000),
        renewTime: now,
        ...(taking ? { acquireTime: now, leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + 1 } : {}),
      },
    };
    this.observe(await client.mergePatch(Leases, this.key, patch, { signal, timeoutMs }));
  }

  /**
   * Resolves with `given`, with `changed` when somebody wrote in between, or with `foreign` when the lease is another's
   * or gone. A lease of nobody is written too: an acquisition that is still on its way fails then, whose version is old.
   */
  private async giveBack(): Promise<'given' | 'changed' | 'foreign'> {
    const { client, clock } = this.deps;
    const { identity, timeoutMs } = this.options;
    const lease = await this.read();
    const holder = lease?.spec?.holderIdentity;
    if (!lease || (holder && holder !== identity)) return 'foreign';
    const patch = {
      metadata: { resourceVersion: lease.metadata.resourceVersion },
      spec: { holderIdentity: '', leaseDurationSeconds: 1, renewTime: toMicroTime(clock.now()) },
    };
    try {
      await client.mergePatch(Leases, this.key, patch, { timeoutMs });
      return 'given';
    } catch (error) {
      if (isConflict(error)) return 'changed';
      if (isNotFound(error)) return 'foreign';
      throw error;
    }
  }
}
