import type { OptionName } from './table.ts';

/** The options of a run as text, one by one, not yet read as numbers or names. */
export class GivenOptions {
  readonly #values = new Map<OptionName, string[]>();

  add(name: OptionName, value: string): void {
    const values = this.#values.get(name) ?? [];
    this.#values.set(name, [...values, value]);
  }

  has(name: OptionName): boolean {
    return this.#values.has(name);
  }

  /** Each value, in order. Undefined if the option is not there. */
  texts(name: OptionName): readonly string[] | undefined {
    return this.#values.get(name);
  }
}
