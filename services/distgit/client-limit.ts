import type { IncomingMessage } from 'node:http';

/** So many of something at a time for each client, so that one build cannot starve the others. */
export class ClientLimit {
  private readonly max: number;
  private readonly counts = new Map<string, number>();

  constructor(max: number) {
    this.max = max;
  }

  /** Clients that have anything under way. */
  get size(): number {
    return this.counts.size;
  }

  /** Undefined when the client has its share; else what gives the place back, once however often it is called. */
  enter(client: string): (() => void) | undefined {
    const count = this.counts.get(client) ?? 0;
    if (count >= this.max) return undefined;
    this.counts.set(client, count + 1);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      const left = (this.counts.get(client) ?? 0) - 1;
      if (left > 0) this.counts.set(client, left);
      else this.counts.delete(client);
    };
  }
}

/** Of the connection. Headers that name another one are the client's to invent. */
export function clientAddress(request: IncomingMessage): string {
  return (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
}
