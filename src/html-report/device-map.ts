import { tuning } from '../limits.ts';

/** What is known about a part of a device. What a phase has covered and none of these describes is equal. */
const kinds = ['differing', 'zero', 'not read', 'unreadable'] as const;
export type MapKind = (typeof kinds)[number];

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
  readonly #bytes: Readonly<Record<MapKind, Float64Array>>;

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
  add(kind: MapKind, offsetBytes: number, lengthBytes: number): void {
    const bytes = this.#bytes[kind];
    const endBytes = Math.min(offsetBytes + lengthBytes, this.#sizeBytes);
    for (let from = offsetBytes; from < endBytes;) {
      const index = Math.floor(from / this.#cellBytes);
      const to = Math.min((index + 1) * this.#cellBytes, endBytes);
      bytes[index]! += to - from;
      from = to;
    }
  }

  /**
   * Forgets what follows an offset, because it is found again. The cell of the offset keeps what was found in all of it: where
   * that was, is not known any more.
   */
  forgetFrom(offsetBytes: number): void {
    const first = Math.ceil(offsetBytes / this.#cellBytes);
    for (const kind of kinds) this.#bytes[kind].fill(0, first);
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
    const bytesOf = (kind: MapKind, mostBytes: number): number =>
      Math.min(this.#bytes[kind][index]!, mostBytes);
    const unreadable = bytesOf('unreadable', lengthBytes);
    const differing = bytesOf('differing', lengthBytes - unreadable);
    const notRead = bytesOf('not read', lengthBytes - unreadable - differing);
    return { differing, notRead, unreadable, zero: bytesOf('zero', lengthBytes) };
  }
}
