import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { MachineTarget } from '../../lib/protocol/machine.ts';
import type { Access } from './access.ts';
import type { Connection } from './connection.ts';
import { FarSide } from './far-side.ts';
import type { Kit } from './kit.ts';
import { Session } from './session.ts';
import type { Tunnel } from './tunnel.ts';

export interface LinkOptions {
  access: Access;
  kit: Kit;
  clock: Clock;
  random: () => number;
  log: Logger;
  signal?: AbortSignal | undefined;
  patienceMs: number;
  /** The task that the slot is taken for; without it the slot is left as it is. */
  task?: string;
  /** What the machine reaches through the connection. */
  tunnel?: Tunnel | undefined;
}

const FORWARD_MS = 30_000;

/** The far side of a machine, over connections that come and go; each new one gets the scripts, the slot and the tunnel. */
export class MachineLink {
  readonly target: MachineTarget;
  readonly #options: LinkOptions;
  readonly #session: Session;
  #proxyPort: number | undefined;
  #hostKey = '';

  constructor(options: LinkOptions) {
    this.#options = options;
    this.target = options.access.target;
    this.#session = new Session(options);
    this.#session.onConnected = (connection) => this.#prepare(connection);
  }

  /** Where the tunnel ends on the machine; known once something was performed, and the same from then on. */
  get proxyPort(): number | undefined {
    return this.#proxyPort;
  }

  /** The key that the machine showed last. */
  get hostKey(): string {
    return this.#hostKey;
  }

  perform<T>(work: (far: FarSide) => Promise<T>): Promise<T> {
    return this.#session.perform((connection) => work(this.#far(connection)));
  }

  close(): void {
    this.#session.close();
  }

  #far(connection: Connection): FarSide {
    return new FarSide(connection, this.#options.kit, this.target, this.#options.signal);
  }

  async #prepare(connection: Connection): Promise<void> {
    const { task, tunnel, clock } = this.#options;
    this.#hostKey = connection.hostKey;
    const far = this.#far(connection);
    await far.install();
    if (task === undefined) return;
    const port = await far.begin(task);
    if (tunnel === undefined) return;
    // The build root is configured with the first port: it has to be that one again.
    const wanted = this.#proxyPort ?? port ?? 0;
    this.#proxyPort = await connection.forwardIn(wanted, FORWARD_MS, (channel) => tunnel.serve(channel));
    await far.tunnel(this.#proxyPort, String(Math.trunc(clock.now())));
  }
}
