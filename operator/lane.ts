/** A first-in-first-out line of distinct keys from whose middle one can be taken; every step in constant time. */
interface Place {
  key: string;
  since: number;
  taken: boolean;
}

const SLACK = 1024;
/** Of the keys in line, so many places may be left over by keys that were taken out: each holds 120 bytes. */
const LEFT_OVER = 0.25;

export class Lane {
  // A Map alone would do, but finding its first entry gets slower with every entry deleted before it.
  private readonly places = new Map<string, Place>();
  private line: Place[] = [];
  private head = 0;

  get size(): number {
    return this.places.size;
  }

  /** @param since when the key began to wait */
  push(key: string, since: number): void {
    const place = { key, since, taken: false };
    this.places.set(key, place);
    this.line.push(place);
  }

  /** Takes the key out wherever it stands and returns when it began to wait; undefined when it is not in line. */
  remove(key: string): number | undefined {
    const place = this.places.get(key);
    if (!place) return undefined;
    place.taken = true;
    this.places.delete(key);
    // Most may leave from the middle, as those do that become news.
    if (this.line.length - this.head > (1 + LEFT_OVER) * this.places.size + SLACK) {
      this.line = this.line.slice(this.head).filter(({ taken }) => !taken);
      this.head = 0;
    }
    return place.since;
  }

  shift(): { key: string; since: number } | undefined {
    for (;;) {
      const place = this.line[this.head];
      if (!place) return undefined;
      this.head += 1;
      if (this.head >= SLACK && this.head * 2 >= this.line.length) {
        this.line = this.line.slice(this.head);
        this.head = 0;
      }
      if (place.taken) continue;
      this.places.delete(place.key);
      return place;
    }
  }

  clear(): void {
    this.places.clear();
    this.line = [];
    this.head = 0;
  }
}
