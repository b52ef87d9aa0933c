import { assert } from '../errors.ts';

interface Waiter {
  readonly amount: number;
  readonly resolve: () => void;
}

/**
 * A stock of units that users take before they go on and others give back: it bounds what is under way. Served
 * in order of arrival, so that a large request is not starved by small ones.
 */
export class Credit {
  #available: number;
  readonly #waiters: Waiter[] = [];

  constructor(available: number) {
    this.#available = available;
  }

  /** Whether the next to acquire `amount` units would not have to wait. */
  has(amount: number): boolean {
    return this.#waiters.length === 0 && amount <= this.#available;
  }

  /** Resolves when `amount` units are the caller's. They must never exceed what the stock can ever hold. */
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
