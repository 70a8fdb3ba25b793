/**
 * Leader election on a Lease, with client-go's numbers: held 15 s, renewed every 2 s, given up after 10 s without a
 * renewal. Expiry is measured with the monotonic clock from the moment a change of the lease was *seen*, so clocks of
 * different machines may disagree; stamps in the lease are for people.
 */
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { ApiClient } from './client.ts';
import { LeaderLease } from './leaderLease.ts';

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
  private readonly lease: LeaderLease;
  private readonly stopping = new AbortController();
  private readonly leading: Promise<void>;
  private resolveLeading: () => void = () => undefined;
  private running: Promise<void> | undefined;
  private held = false;
  /** An acquisition was begun, and its answer never heard: the server may have carried it out. */
  private unanswered = false;
  /** Monotonic time at which the last successful renewal was *sent*. */
  private renewedAt = Number.NEGATIVE_INFINITY;

  constructor(options: LeaderElectionOptions, deps: LeaderElectorDeps) {
    this.options = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000, ...options };
    this.deps = deps;
    const { namespace, name, identity } = options;
    const { client, clock } = deps;
    this.log = deps.log.child({ lease: `${namespace}/${name}`, identity });
    this.lease = new LeaderLease(
      { namespace, name, identity, leaseMs: this.options.leaseMs, timeoutMs: this.options.renewDeadlineMs / 2 },
      { client, clock, log: this.log },
    );
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
    if (!this.held && !this.unanswered) return;
    this.unanswered = false;
    this.setHeld(false);
    await this.lease.release();
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
        const holder = this.lease.otherHolder();
        this.setHeld(false);
        const reason = holder
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
        { clock, ms: left, what: `renewal of lease ${this.lease.key}`, signal: this.stopping.signal },
        (signal) => this.acquireOrRenew(signal),
      );
    } catch (error) {
      if (!this.stopping.signal.aborted)
        this.log.warn({ err: errorMessage(error) }, 'cannot acquire or renew the lease');
      return false;
    }
  }

  private async acquireOrRenew(signal: AbortSignal): Promise<boolean> {
    const sentAt = this.deps.clock.monotonic();
    // Not for a renewal: what is lost without being given up may not be given back, for work under it may go on.
    if (!this.held) this.unanswered = true;
    const outcome = await this.lease.take(this.held, signal);
    // `lost` may be to an earlier try of our own, of which nothing was heard.
    if (outcome !== 'lost') this.unanswered = false;
    if (outcome === 'taken') this.renewedAt = sentAt;
    // Whoever holds it instead is believed at once.
    if (outcome === 'occupied') this.renewedAt = Number.NEGATIVE_INFINITY;
    return outcome === 'taken';
  }
}
