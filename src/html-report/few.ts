/** Some of many things, and the number of the others. */
export interface Few<T> {
  readonly items: readonly T[];
  readonly omittedCount: number;
}

/** Counts all things that are added, and keeps some of them. */
abstract class KeptFew<T> implements Few<T> {
  protected readonly most: number;
  protected kept: T[] = [];
  #count = 0;

  constructor(most: number) {
    this.most = most;
  }

  get items(): readonly T[] {
    return this.kept;
  }

  get omittedCount(): number {
    return this.#count - this.kept.length;
  }

  add(item: T): void {
    this.#count += 1;
    this.keep(item);
  }

  protected abstract keep(item: T): void;
}

/** Keeps the first things that are added, and counts the rest. */
export class FirstFew<T> extends KeptFew<T> {
  protected keep(item: T): void {
    if (this.kept.length < this.most) this.kept.push(item);
  }
}

/** Keeps the longest spans of time, in their order, and counts the rest. */
export class LongestFew<T extends { readonly startMs: number; readonly endMs: number }> extends KeptFew<T> {
  protected keep(item: T): void {
    this.kept.push(item);
    if (this.kept.length <= this.most) return;
    const shortest = this.kept.reduce((least, each) => (lengthOf(each) < lengthOf(least) ? each : least));
    this.kept = this.kept.filter((each) => each !== shortest);
  }
}

function lengthOf({ startMs, endMs }: { readonly startMs: number; readonly endMs: number }): number {
  return endMs - startMs;
}
