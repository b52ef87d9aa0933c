import { collide, type Stack } from './identity.ts';
import type { StorageRegion } from './regions.ts';

/** Finds which of many stacks share storage with another one, on one host, without comparing each with each. */
export class StackIndex<Owner> {
  readonly #exact = new Map<string, Entry<Owner>[]>();
  readonly #within = new Map<string, Entry<Owner>[]>();

  add({ regions }: Stack, owner: Owner): void {
    for (const region of regions) {
      const index = region.placement === 'exact' ? this.#exact : this.#within;
      const entries = index.get(region.store);
      if (entries === undefined) index.set(region.store, [{ region, owner }]);
      else entries.push({ region, owner });
    }
  }

  /** The owners of stacks that share storage with this one, as far as it is known. Each may occur more than once. */
  *sharing({ regions }: Stack): Generator<Owner, void> {
    for (const region of regions) {
      const near = region.placement === 'exact' ? (this.#within.get(region.store) ?? []) : [];
      for (const entry of [...(this.#exact.get(region.store) ?? []), ...near]) {
        if (collide(entry.region, region)) yield entry.owner;
      }
    }
  }
}

interface Entry<Owner> {
  readonly region: StorageRegion;
  readonly owner: Owner;
}
