import { cut, type Extent } from '../digest/extent.ts';
import { bufferCountOf, bufferExtentOf, type Geometry } from '../digest/geometry.ts';

/**
 * Which buffers of the device a phase examines, in ascending order. The others count as equal, and nobody reads them.
 * A position counts the examined buffers only; an index counts all buffers of the device.
 */
export interface Coverage {
  /** Number of buffers to examine. */
  readonly bufferCount: number;
  /** Index of the buffer at a position below {@link bufferCount}. */
  indexAt(position: number): number;
  /** Number of examined buffers whose index is lower than `index`. */
  positionOf(index: number): number;
}

/** Everything is examined. */
export function wholeDevice(geometry: Geometry): Coverage {
  return {
    bufferCount: bufferCountOf(geometry),
    indexAt: (position) => position,
    positionOf: (index) => index,
  };
}

/** The examined ranges, in order, with neighbouring buffers joined, in pieces of at most `mostBytes`. */
export function* rangesOf(
  coverage: Coverage,
  geometry: Geometry,
  mostBytes: number,
): Generator<Extent, void> {
  let rest: Extent | undefined;
  for (let position = 0; position < coverage.bufferCount; position++) {
    const buffer = bufferExtentOf(geometry, coverage.indexAt(position));
    const isNeighbour = rest !== undefined && rest.offsetBytes + rest.lengthBytes === buffer.offsetBytes;
    if (rest !== undefined && !isNeighbour) yield rest;
    const run: Extent = isNeighbour
      ? { offsetBytes: rest!.offsetBytes, lengthBytes: rest!.lengthBytes + buffer.lengthBytes }
      : buffer;
    rest = undefined;
    for (const part of cut(run, mostBytes)) {
      if (part.lengthBytes === mostBytes) yield part;
      else rest = part;
    }
  }
  if (rest !== undefined) yield rest;
}
