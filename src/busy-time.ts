import { monotonicMs } from './clock.ts';

/** Measures for how long at least one piece of work was under way. */
export class BusyTime {
  #amount = 0;
  #sinceMs = 0;
  #ms = 0;

  /** Some work begins. The unit is up to the caller. */
  begin(amount: number): void {
    if (this.#amount === 0 && amount > 0) this.#sinceMs = monotonicMs();
    this.#amount += amount;
  }

  /** As much work has ended. */
  end(amount: number): void {
    this.#amount -= amount;
    if (this.#amount === 0 && amount > 0) this.#ms += monotonicMs() - this.#sinceMs;
  }

  /** So far. */
  get ms(): number {
    return this.#amount === 0 ? this.#ms : this.#ms + monotonicMs() - this.#sinceMs;
  }
}
