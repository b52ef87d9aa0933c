/** An exponential moving average: each new sample counts with a fixed weight, and older ones fade. */
export class MovingAverage {
  readonly #weight: number;
  #value: number;

  /**
   * @param initial the value before the first sample.
   * @param weight of a new sample, from 0 to 1.
   */
  constructor(initial: number, weight: number) {
    this.#value = initial;
    this.#weight = weight;
  }

  get value(): number {
    return this.#value;
  }

  add(sample: number): void {
    this.#value += this.#weight * (sample - this.#value);
  }
}
