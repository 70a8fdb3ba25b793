/** A binary heap whose least item is looked at, changed, or taken. `less` must order any two items. */
export class Heap<T> {
  private readonly items: T[];
  private readonly less: (a: T, b: T) => boolean;

  constructor(items: readonly T[], less: (a: T, b: T) => boolean) {
    this.items = [...items];
    this.less = less;
    for (let index = (this.items.length >> 1) - 1; index >= 0; index--) this.sink(index);
  }

  get size(): number {
    return this.items.length;
  }

  get least(): T | undefined {
    return this.items[0];
  }

  /** Call when the least item may not be the least any more. */
  settle(): void {
    this.sink(0);
  }

  removeLeast(): void {
    const last = this.items.pop();
    if (last === undefined || this.items.length === 0) return;
    this.items[0] = last;
    this.sink(0);
  }

  private sink(from: number): void {
    const { items, less } = this;
    const item = items[from];
    if (item === undefined) return;
    let hole = from;
    for (;;) {
      let child = 2 * hole + 1;
      const [left, right] = [items[child], items[child + 1]];
      if (left === undefined) break;
      let lesser = left;
      if (right !== undefined && less(right, left)) {
        lesser = right;
        child++;
      }
      if (!less(lesser, item)) break;
      items[hole] = lesser;
      hole = child;
    }
    items[hole] = item;
  }
}
