interface Waiter {
  readonly place: number;
  readonly resolve: () => void;
}

/**
 * Lets one caller at a time go on. Of those that wait, the one with the lowest place comes next: what a checkpoint needs is
 * then sent before what lies behind it.
 */
export class OrderedTurns {
  /** In descending order. */
  readonly #waiters: Waiter[] = [];
  #isTaken = false;

  /** Resolves with the outcome of `work`, which begins when it is the caller's turn. */
  async take<T>(place: number, work: () => Promise<T>): Promise<T> {
    if (this.#isTaken) await this.#turn(place);
    this.#isTaken = true;
    try {
      return await work();
    } finally {
      const next = this.#waiters.pop();
      if (next === undefined) this.#isTaken = false;
      else next.resolve();
    }
  }

  #turn(place: number): Promise<void> {
    return new Promise((resolve) => {
      let [low, high] = [0, this.#waiters.length];
      while (low < high) {
        const middle = Math.floor((low + high) / 2);
        if (this.#waiters[middle]!.place > place) low = middle + 1;
        else high = middle;
      }
      this.#waiters.splice(low, 0, { place, resolve });
    });
  }
}
