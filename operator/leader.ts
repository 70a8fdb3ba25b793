/**
 * Leader election on a Lease, with client-go's numbers: held 15 s, renewed every 2 s, given up after 10 s without a
 * renewal. Expiry is measured with the monotonic clock from the moment a change of the lease was *seen*, so clocks of
 * different machines may disagree; stamps in the lease are for people.
 */
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { isAlreadyExists, isConflict, isNotFound } from './apiError.ts';
import type { ApiClient } from './client.ts';
import type { Lease } from './core.ts';
import { Leases } from './core.ts';
import { toMicroTime } from './microTime.ts';

const RELEASE_ATTEMPTS = 3;

export interface LeaderElectionOptions {
  namespace: string;
  name: string;
  /** Unique to this process: two processes with one identity would both lead. */
  identity: string;
  /** Called once when leadership is lost without being given up. The process must end: its work may be another's now. */
  onLost: (reason: string) => void;
  leaseMs?: number;
  renewDeadlineMs?: number;
  retryMs?: number;
}

export interface LeaderElectorDeps {
  client: ApiClient;
  clock: Clock;
  log: Logger;
  random: () => number;
  /** leader_election_master_status */
  onStatus: (leading: boolean) => void;
}

export class LeaderElector {
  private readonly options: Required<LeaderElectionOptions>;
  private readonly deps: LeaderElectorDeps;
  private readonly log: Logger;
  private readonly key: string;
  private readonly stopping = new AbortController();
  private readonly leading: Promise<void>;
  private resolveLeading: () => void = () => undefined;
  private running: Promise<void> | undefined;
  private held = false;
  /** Monotonic time at which the last successful renewal was *sent*. */
  private renewedAt = Number.NEGATIVE_INFINITY;
  private seen: { lease: Lease; at: number } | undefined;

  constructor(options: LeaderElectionOptions, deps: LeaderElectorDeps) {
    this.options = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000, ...options };
    this.deps = deps;
    this.key = `${options.namespace}/${options.name}`;
    this.log = deps.log.child({ lease: this.key, identity: options.identity });
    this.leading = new Promise((resolve) => {
      this.resolveLeading = resolve;
    });
    deps.onStatus(false);
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Resolves when this process leads for the first time; never, if it never does. */
  whenLeading(): Promise<void> {
    return this.leading;
  }

  /** True while no other process can have taken over, judged by the clock and not by the last answer. */
  isLeading(): boolean {
    return this.held && this.deps.clock.monotonic() < this.renewedAt + this.options.renewDeadlineMs;
  }

  /** Stops, and gives the lease back so that the next leader need not wait for its end. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error('leader election was stopped'));
    await this.running;
    if (!this.held) return;
    this.setHeld(false);
    await this.release();
  }

  private async run(): Promise<void> {
    const { clock, random } = this.deps;
    const { signal } = this.stopping;
    const { retryMs } = this.options;
    let acquired = false;
    while (!signal.aborted) {
      acquired = await this.attempt();
      if (acquired) break;
      // Jitter keeps the candidates apart.
      await clock.sleep(retryMs * (1 + 0.2 * random()), signal).catch(() => undefined);
    }
    if (!acquired) return;
    this.setHeld(true);
    // Whoever stops it gives the lease back.
    if (signal.aborted) return;
    this.log.info('became the leader');
    this.resolveLeading();
    while (!signal.aborted) {
      await clock.sleep(retryMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.attempt();
      if (!this.isLeading()) {
        const holder = this.seen?.lease.spec?.holderIdentity;
        this.setHeld(false);
        const reason =
          holder && holder !== this.options.identity
            ? `${holder} took over`
            : `the lease was not renewed for ${this.options.renewDeadlineMs / 1000} s`;
        this.log.error({ reason }, 'lost the leadership');
        this.options.onLost(reason);
        return;
      }
    }
  }

  private setHeld(held: boolean): void {
    this.held = held;
    this.deps.onStatus(held);
  }

  /** One try to acquire or renew. True when the lease is ours. */
  private async attempt(): Promise<boolean> {
    const { clock } = this.deps;
    const left = this.held
      ? this.renewedAt + this.options.renewDeadlineMs - clock.monotonic()
      : this.options.renewDeadlineMs;
    if (left <= 0) return false;
    try {
      return await withDeadline(
        { clock, ms: left, what: `renewal of lease ${this.key}`, signal: this.stopping.signal },
        (signal) => this.acquireOrRenew(signal),
      );
    } catch (error) {
      if (!this.stopping.signal.aborted)
        this.log.warn({ err: errorMessage(error) }, 'cannot acquire or renew the lease');
      return false;
    }
  }

  private async acquireOrRenew(signal: AbortSignal): Promise<boolean> {
    const { client, clock } = this.deps;
    const timeoutMs = this.options.renewDeadlineMs / 2;
    const sentAt = clock.monotonic();
    try {
      if (this.held && this.seen) {
        // Nobody else writes a healthy lease, so its version is known without reading it.
        return await this.write(this.seen.lease, sentAt, signal);
      }
    } catch (error) {
      // Touched by somebody, or deleted: find out which.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
    const lease = await client.get(Leases, this.key, { signal, timeoutMs });
    if (!lease) return this.create(sentAt, signal);
    this.observe(lease);
    const holder = lease.spec?.holderIdentity;
    if (holder && holder !== this.options.identity && !this.expired()) {
      if (this.held) this.renewedAt = Number.NEGATIVE_INFINITY;
      return false;
    }
    try {
      return await this.write(lease, sentAt, signal);
    } catch (error) {
      // Another candidate was faster.
      if (isConflict(error)) return false;
      throw error;
    }
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

  private async create(sentAt: number, signal: AbortSignal): Promise<boolean> {
    const { client, clock } = this.deps;
    const { namespace, name, identity } = this.options;
    const now = toMicroTime(clock.now());
    try {
      const lease = await client.create(
        Leases,
        {
          metadata: { namespace, name },
          spec: {
            holderIdentity: identity,
            leaseDurationSeconds: Math.round(this.options.leaseMs / 1000),
            acquireTime: now,
            renewTime: now,
            leaseTransitions: 0,
          },
        },
        { signal, timeoutMs: this.options.renewDeadlineMs / 2 },
      );
      this.observe(lease);
      this.renewedAt = sentAt;
      return true;
    } catch (error) {
      if (isAlreadyExists(error)) return false;
      throw error;
    }
  }

  /** Writes our name and the time, on condition that nobody wrote since `lease` was read. */
  private async write(lease: Lease, sentAt: number, signal: AbortSignal): Promise<boolean> {
    const { client, clock } = this.deps;
    const { identity, leaseMs } = this.options;
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
    const written = await client.mergePatch(Leases, this.key, patch, {
      signal,
      timeoutMs: this.options.renewDeadlineMs / 2,
    });
    this.observe(written);
    this.renewedAt = sentAt;
    return true;
  }

  private async release(): Promise<void> {
    try {
      // A renewal that was cut off by the stop may have been carried out: then the version we know is not the last.
      for (let attempt = 1; attempt <= RELEASE_ATTEMPTS; attempt++) {
        if (!(await this.giveBack())) continue;
        this.log.info('gave the lease back');
        return;
      }
      this.log.warn({ attempts: RELEASE_ATTEMPTS }, 'could not give the lease back: it changes all the time');
    } catch (error) {
      // It ends by itself in 15 s.
      this.log.warn({ err: errorMessage(error) }, 'could not give the lease back');
    }
  }

  /** False when the lease turned out to be of another version, which has been read by then and is still ours. */
  private async giveBack(): Promise<boolean> {
    const { client, clock } = this.deps;
    const timeoutMs = this.options.renewDeadlineMs / 2;
    const patch = {
      metadata: { resourceVersion: this.seen?.lease.metadata.resourceVersion },
      spec: { holderIdentity: '', leaseDurationSeconds: 1, renewTime: toMicroTime(clock.now()) },
    };
    try {
      await client.mergePatch(Leases, this.key, patch, { timeoutMs });
      return true;
    } catch (error) {
      if (!isConflict(error)) throw error;
      const lease = await client.get(Leases, this.key, { timeoutMs });
      if (lease?.spec?.holderIdentity !== this.options.identity) throw error;
      this.observe(lease);
      return false;
    }
  }
}
