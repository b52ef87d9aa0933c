import type { Geometry } from '../digest/geometry.ts';
import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { Coverage } from '../session/coverage.ts';
import { RunCollector } from '../session/run-collector.ts';
import type { RangeListener } from '../list-formats/list-parser.ts';

/** What a list of changes says, in buffers. Its memory does not depend on the length of the list. */
export class ChangeList implements RangeListener {
  /** For messages: "list of changes FILE". */
  readonly #name: string;
  readonly #collector: RunCollector;
  #rangeCount = 0;
  #furthestStartBytes = 0;
  #furthestEndBytes = 0;
  #namesUnchanged = false;

  constructor(name: string, bufferBytes: number) {
    this.#name = name;
    // The size of the device is not known yet.
    this.#collector = new RunCollector({
      sizeBytes: bounds.maxOffsetBytes,
      bufferBytes,
      stepsBytes: [bufferBytes],
    });
  }

  /** The number of ranges that may have changed. */
  get rangeCount(): number {
    return this.#rangeCount;
  }

  changed(offsetBytes: number, lengthBytes: number): void {
    this.#see(offsetBytes, lengthBytes);
    if (lengthBytes === 0) return;
    this.#rangeCount++;
    this.#collector.addBytes(offsetBytes, lengthBytes);
  }

  unchanged(offsetBytes: number, lengthBytes: number): void {
    this.#namesUnchanged = true;
    this.#see(offsetBytes, lengthBytes);
  }

  /**
   * The buffers that may have changed. A range that goes on behind the end of the source is cut: some tools round up. If the
   * list also names what has not changed, and ends before the source, nothing is known about the rest: it is examined.
   *
   * @throws {BasynError} `refused`, where a range begins behind the end: the list belongs to another device.
   */
  coverageOf(geometry: Geometry): Coverage {
    const { sizeBytes } = geometry;
    if (this.#furthestStartBytes >= sizeBytes) {
      throw new BasynError(
        'refused',
        `The ${this.#name} has a range at offset ${this.#furthestStartBytes}, behind the end of the source, which has ` +
          `${sizeBytes} bytes: it belongs to another device. Nothing was written.`,
        { offsetBytes: this.#furthestStartBytes },
      );
    }
    const collector = new RunCollector(geometry);
    collector.addCoverage(this.#collector.coverage());
    const isMap = this.#namesUnchanged && this.#furthestEndBytes < sizeBytes;
    if (isMap) collector.addBytes(this.#furthestEndBytes, sizeBytes - this.#furthestEndBytes);
    return collector.coverage();
  }

  #see(offsetBytes: number, lengthBytes: number): void {
    if (lengthBytes === 0) return;
    this.#furthestStartBytes = Math.max(this.#furthestStartBytes, offsetBytes);
    this.#furthestEndBytes = Math.max(this.#furthestEndBytes, offsetBytes + lengthBytes);
  }
}
