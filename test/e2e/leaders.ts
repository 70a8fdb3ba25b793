import { kubectl, RELEASE_NAMESPACE, until } from './harness.ts';
import { aimAtProgram } from './node.ts';

/** Seconds after which somebody must lead again: 15 for the Lease, 3 for a try at it, the rest for two busy cores. */
const TAKEOVER_SECONDS = 40;

interface Leader {
  identity: string;
  kill: () => Promise<void>;
}

/** Process that leads the operator, as `pod_uuid`; empty when the last one gave the Lease back. */
async function holder(): Promise<string> {
  const path = 'jsonpath={.spec.holderIdentity}';
  return kubectl('-n', RELEASE_NAMESPACE, 'get', 'lease', 'kopr-operator', '-o', path);
}

/** Kills one leader after the other, each of them once: a dead one stays in the Lease until somebody takes over. */
export class LeaderKiller {
  readonly problems: unknown[] = [];
  /** Seconds from each death until another process led. */
  readonly takeovers: number[] = [];
  private readonly killed = new Set<string>();
  private target: Promise<Leader> = this.aim();
  private busy: Promise<void> = Promise.resolve();

  /** Kills whoever leads, without delay when the leader is known already. */
  strike(): void {
    this.busy = this.busy.then(async () => {
      const { identity, kill } = await this.target;
      await kill();
      this.killed.add(identity);
      this.target = this.aim(performance.now());
    });
    this.busy = this.busy.catch((error: unknown) => void this.problems.push(error));
  }

  /** Resolves when all strikes are done and somebody leads again. */
  async settled(): Promise<void> {
    await this.busy;
    await this.target.catch((error: unknown) => void this.problems.push(error));
  }

  private async aim(since?: number): Promise<Leader> {
    const alive = (identity: string) => identity !== '' && !this.killed.has(identity);
    const identity = await until('somebody leads', holder, alive, TAKEOVER_SECONDS);
    if (since !== undefined) this.takeovers.push((performance.now() - since) / 1000);
    return { identity, kill: await aimAtProgram(RELEASE_NAMESPACE, identity.split('_')[0] ?? '') };
  }
}

/**
 * Puts new pods in the place of all operators and waits until one of them leads. The kubelet makes a program that dies
 * often wait for up to five minutes; new pods start without that debt.
 */
export async function freshOperators(): Promise<void> {
  const namespace = ['-n', RELEASE_NAMESPACE];
  await kubectl(...namespace, 'rollout', 'restart', 'deployment/kopr-operator');
  await kubectl(...namespace, 'rollout', 'status', 'deployment/kopr-operator', '--timeout=120s');
  // Those that still end show when they were told to.
  const path = 'jsonpath={range .items[*]}{.metadata.name} {.metadata.deletionTimestamp}{"\\n"}{end}';
  const lines = await kubectl(...namespace, 'get', 'pods', '-l', 'app.kubernetes.io/component=operator', '-o', path);
  const pods = lines.split('\n').flatMap((line) => /^(\S+) $/.exec(line)?.[1] ?? []);
  await until('one of the new pods leads', holder, (identity) => pods.includes(identity.split('_')[0] ?? ''), 60);
}
