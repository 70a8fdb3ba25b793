/** Keys that become due later: one heap and one timer, however many there are. */
import type { Clock } from '../lib/clock.ts';
import { OVER } from '../lib/deadline.ts';

interface Entry {
  key: string;
  at: number;
}

export class DelayHeap {
  private readonly clock: Clock;
  private readonly onDue: (key: string) => void;
  private readonly heap: Entry[] = [];
  /** When each key is due. A heap entry that disagrees is a leftover of a later time and is dropped when it surfaces. */
  private readonly due = new Map<string, number>();
  private timer: { at: number; cancel: AbortController } | undefined;

  constructor(clock: Clock, onDue: (key: string) => void) {
    this.clock = clock;
    this.onDue = onDue;
  }

  get size(): number {
    return this.due.size;
  }

  push(key: string, ms: number): void {
    const at = this.clock.monotonic() + ms;
    const known = this.due.get(key);
    if (known !== undefined && known <= at) return;
    this.due.set(key, at);
    this.insert({ key, at });
    this.arm();
  }

  clear(): void {
    this.heap.length = 0;
    this.due.clear();
    this.timer?.cancel.abort(OVER);
    this.timer = undefined;
  }

  private arm(): void {
    const next = this.heap[0];
    if (!next) return;
    if (this.timer && this.timer.at <= next.at) return;
    this.timer?.cancel.abort(OVER);
    const timer = { at: next.at, cancel: new AbortController() };
    this.timer = timer;
    // setTimeout fires at once beyond 2^31 ms: wake up early and arm again.
    const wait = Math.min(Math.max(0, next.at - this.clock.monotonic()), 2 ** 31 - 1);
    this.clock.sleep(wait, timer.cancel.signal).then(
      () => {
        if (this.timer === timer) this.timer = undefined;
        this.fire();
      },
      () => undefined,
    );
  }

  private fire(): void {
    const now = this.clock.monotonic();
    for (;;) {
      const next = this.heap[0];
      // Timers may fire a fraction of a millisecond early.
      if (!next || next.at > now + 0.5) break;
      this.removeFirst();
      if (this.due.get(next.key) !== next.at) continue;
      this.due.delete(next.key);
      this.onDue(next.key);
    }
    this.arm();
  }

  private insert(entry: Entry): void {
    const { heap } = this;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (at(heap, parent) <= entry.at) break;
      heap[i] = heap[parent] as Entry;
      i = parent;
    }
    heap[i] = entry;
  }

  private removeFirst(): void {
    const { heap } = this;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && at(heap, child + 1) < at(heap, child)) child += 1;
      if (at(heap, child) >= last.at) break;
      heap[i] = heap[child] as Entry;
      i = child;
    }
    heap[i] = last;
  }
}

function at(heap: Entry[], index: number): number {
  return (heap[index] as Entry).at;
}
