import { assert } from '../errors.ts';

interface Waiter {
  readonly amount: number;
  readonly resolve: () => void;
}

/**
 * A stock of units that bounds what is in flight. Callers take units before they go on, and return them later. Requests are
 * served in order of arrival, so that small ones do not starve a large one.
 */
export class Credit {
  #available: number;
  readonly #waiters: Waiter[] = [];

  constructor(available: number) {
    this.#available = available;
  }

  /** Whether a request for `amount` units would be served at once. */
  has(amount: number): boolean {
    return this.#waiters.length === 0 && amount <= this.#available;
  }

  /** Resolves when the caller has `amount` units. `amount` must not exceed the size of the whole stock. */
  acquire(amount: number): Promise<void> {
    assert(amount >= 0, `credit of ${amount}`);
    return new Promise((resolve) => {
      this.#waiters.push({ amount, resolve });
      this.#serve();
    });
  }

  release(amount: number): void {
    this.#available += amount;
    this.#serve();
  }

  #serve(): void {
    for (;;) {
      const first = this.#waiters[0];
      if (first === undefined || first.amount > this.#available) return;
      this.#available -= first.amount;
      this.#waiters.shift();
      first.resolve();
    }
  }
}
