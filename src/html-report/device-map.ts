import type { Extent } from '../digest/extent.ts';
import { tuning } from '../limits.ts';
import type { ExtentKind } from '../report.ts';

const kinds: readonly ExtentKind[] = ['differing', 'zero', 'not read', 'unreadable'];

/** An equal share of a device. The last one may be shorter. */
export interface MapCell {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly bytes: CellBytes;
}

/** The bytes of a cell. All but `zero` add up to its length. */
export interface CellBytes {
  readonly equal: number;
  readonly differing: number;
  readonly notRead: number;
  readonly unreadable: number;
  /** The phase has not come this far. */
  readonly unreached: number;
  /** Zeros and holes, which are equal or differ, too. */
  readonly zero: number;
}

/** How far a phase has come, from the start of the device on. */
export interface Reached {
  readonly doneBytes: number;
  /** Whether these bytes include what is not read. */
  readonly counts: 'all' | 'what is read';
}

/** A map of a device in a fixed number of cells, whatever its size and the number of its ranges. */
export class DeviceMap {
  readonly #sizeBytes: number;
  readonly #cellBytes: number;
  readonly #bytes: Readonly<Record<ExtentKind, Float64Array>>;
  #accuracy: 'exact' | 'about' = 'exact';

  /** @param cells the most cells. A small device has fewer, because it is not compared more finely than 4 KiB. */
  constructor(sizeBytes: number, cells: number) {
    const unit = tuning.htmlReport.leastCellBytes;
    this.#sizeBytes = sizeBytes;
    this.#cellBytes = Math.max(Math.ceil(sizeBytes / cells / unit), 1) * unit;
    const count = Math.ceil(sizeBytes / this.#cellBytes);
    this.#bytes = {
      differing: new Float64Array(count),
      zero: new Float64Array(count),
      'not read': new Float64Array(count),
      unreadable: new Float64Array(count),
    };
  }

  /** What lies beyond the end of the device does not count. */
  add(kind: ExtentKind, { offsetBytes, lengthBytes }: Extent): void {
    const bytes = this.#bytes[kind];
    const endBytes = Math.min(offsetBytes + lengthBytes, this.#sizeBytes);
    for (let from = offsetBytes; from < endBytes;) {
      const index = Math.floor(from / this.#cellBytes);
      const to = Math.min((index + 1) * this.#cellBytes, endBytes);
      bytes[index]! += to - from;
      from = to;
    }
  }

  /** Whether the map adds up to what the phase reports. */
  get accuracy(): 'exact' | 'about' {
    return this.#accuracy;
  }

  /**
   * Forgets what follows an offset, because it is found again. Where in its cell something was found is not known any more, so
   * that a cell may keep too much.
   */
  forgetFrom(offsetBytes: number): void {
    const cut = Math.floor(offsetBytes / this.#cellBytes);
    const keptBytes = offsetBytes - cut * this.#cellBytes;
    for (const kind of kinds) {
      const bytes = this.#bytes[kind];
      if (keptBytes > 0 && (bytes[cut] ?? 0) > 0) this.#accuracy = 'about';
      bytes.fill(0, cut + 1);
      if (cut < bytes.length) bytes[cut] = Math.min(bytes[cut]!, keptBytes);
    }
  }

  cells({ doneBytes, counts }: Reached): MapCell[] {
    let leftBytes = doneBytes;
    return Array.from(this.#bytes.differing, (_, index) => {
      const offsetBytes = index * this.#cellBytes;
      const lengthBytes = Math.min(this.#cellBytes, this.#sizeBytes - offsetBytes);
      const found = this.#foundIn(index, lengthBytes);
      const knownBytes = found.differing + found.notRead + found.unreadable;
      const countedBytes = counts === 'all' ? lengthBytes : lengthBytes - found.notRead;
      const reachedBytes = Math.min(leftBytes, countedBytes);
      leftBytes -= reachedBytes;
      // What was found ahead of the progress was reached.
      const unreached = Math.min(countedBytes - reachedBytes, lengthBytes - knownBytes);
      const equal = lengthBytes - knownBytes - unreached;
      return { offsetBytes, lengthBytes, bytes: { equal, ...found, unreached } };
    });
  }

  /** What was found twice, before and after a failure of the link, does not count for more than the cell. */
  #foundIn(index: number, lengthBytes: number): Omit<CellBytes, 'equal' | 'unreached'> {
    const bytesOf = (kind: ExtentKind, mostBytes: number): number =>
      Math.min(this.#bytes[kind][index]!, mostBytes);
    const unreadable = bytesOf('unreadable', lengthBytes);
    const differing = bytesOf('differing', lengthBytes - unreadable);
    const notRead = bytesOf('not read', lengthBytes - unreadable - differing);
    return { differing, notRead, unreadable, zero: bytesOf('zero', lengthBytes) };
  }
}
