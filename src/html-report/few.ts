/** Some of many things, and the number of the others. */
export interface Few<T> {
  readonly items: readonly T[];
  readonly omittedCount: number;
}

/** Keeps the first things that are added, and counts the rest. */
export class FirstFew<T> implements Few<T> {
  readonly #most: number;
  readonly #items: T[] = [];
  #count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get items(): readonly T[] {
    return this.#items;
  }

  get omittedCount(): number {
    return this.#count - this.#items.length;
  }

  add(item: T): void {
    this.#count += 1;
    if (this.#items.length < this.#most) this.#items.push(item);
  }
}

/** Keeps the longest spans of time, in their order, and counts the rest. */
export class LongestFew<T extends { readonly startMs: number; readonly endMs: number }> implements Few<T> {
  readonly #most: number;
  #items: T[] = [];
  #count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get items(): readonly T[] {
    return this.#items;
  }

  get omittedCount(): number {
    return this.#count - this.#items.length;
  }

  add(item: T): void {
    this.#count += 1;
    this.#items.push(item);
    if (this.#items.length <= this.#most) return;
    const shortest = this.#items.reduce((least, each) => (lengthOf(each) < lengthOf(least) ? each : least));
    this.#items = this.#items.filter((each) => each !== shortest);
  }
}

function lengthOf({ startMs, endMs }: { readonly startMs: number; readonly endMs: number }): number {
  return endMs - startMs;
}
