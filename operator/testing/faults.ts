/** What can go wrong between a client and the API server, on demand. */
import type { ServerResponse } from 'node:http';

export type FaultAction =
  /** An error answer. */
  | { status: number; reason?: string; message?: string; retryAfterSeconds?: number; plainText?: string }
  /** The connection breaks before anything is done. */
  | 'reset'
  /** The request is carried out, and the connection breaks before the answer: the outcome is unknown. */
  | 'lose-answer'
  /** No answer, ever. */
  | 'silence'
  /** The answer breaks off after so many bytes. */
  | { resetAfterBytes: number };

export interface Fault {
  method?: string;
  /** Matched against the path without its query. */
  path?: RegExp;
  /** Only watches, or only what is not one. */
  watch?: boolean;
  /** How many matching requests it hits. Default 1. */
  times?: number;
  action: FaultAction;
}

/** How a watch under way is broken. */
export type WatchBreak =
  /** The connection is reset between two events. */
  | 'reset'
  /** The connection ends in the middle of an event. */
  | 'half-line'
  /** A line that is not JSON. */
  | 'garbage'
  /** An ERROR event, after which the stream stays open. */
  | 'error-410'
  | 'error-504'
  /** An orderly end. */
  | 'end'
  /** The connection stays open and carries nothing any more, not even bookmarks. */
  | 'mute';

export class FaultPlan {
  private faults: { fault: Fault; left: number }[] = [];

  add(fault: Fault): void {
    this.faults.push({ fault, left: fault.times ?? 1 });
  }

  clear(): void {
    this.faults = [];
  }

  /** The action for a request, used up by it. */
  take(method: string, path: string, watch: boolean): FaultAction | undefined {
    const entry = this.faults.find(
      ({ fault, left }) =>
        left > 0 &&
        (fault.method === undefined || fault.method === method) &&
        (fault.path === undefined || fault.path.test(path)) &&
        (fault.watch === undefined || fault.watch === watch),
    );
    if (!entry) return undefined;
    entry.left -= 1;
    return entry.fault.action;
  }
}

/** Makes `response` break off after so many bytes of its body. */
export function cutAfter(response: ServerResponse, bytes: number, text: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' });
  response.write(Buffer.from(text).subarray(0, bytes), () => response.destroy());
}
