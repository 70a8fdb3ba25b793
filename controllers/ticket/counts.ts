/** Things that run at the same time, by what a quota may limit. */
export class Counts {
  running = 0;
  private readonly architectures = new Map<string, number>();
  private readonly tags = new Map<string, number>();

  add(architecture: string, tags: readonly string[]): void {
    this.running++;
    bump(this.architectures, architecture);
    for (const tag of tags) bump(this.tags, tag);
  }

  ofArchitecture(name: string): number {
    return this.architectures.get(name) ?? 0;
  }

  ofTag(name: string): number {
    return this.tags.get(name) ?? 0;
  }
}

export function bump(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
