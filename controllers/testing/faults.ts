/**
 * What may go wrong with a request to a service: it is refused with a status, its reply is lost after the work was
 * done, the connection breaks before it, or the service answers that it still works.
 */
export type FaultAction = { status: number; code?: string } | 'lost reply' | 'reset' | 'working';

export interface Fault {
  /** Tested against "METHOD /path". */
  match: RegExp;
  action: FaultAction;
  /** How many requests it strikes. Default 1. */
  times?: number;
}

/** Faults wait here until a request comes that they match. */
export class Faults {
  private readonly list: { match: RegExp; action: FaultAction; left: number }[] = [];

  add({ match, action, times = 1 }: Fault): void {
    this.list.push({ match, action, left: times });
  }

  clear(): void {
    this.list.length = 0;
  }

  take(request: string): FaultAction | undefined {
    const fault = this.list.find(({ match, left }) => left > 0 && match.test(request));
    if (fault === undefined) return undefined;
    fault.left--;
    return fault.action;
  }
}
