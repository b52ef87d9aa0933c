import { firstIndexWhere } from '../binary-search.ts';
import type { Range } from './range.ts';

/**
 * The holes of a regular file: ranges for which the file system stores no data, so that they read as zeros. Start and end
 * of one hole after the other, in ascending order, with data in between. The memory is shared, so that a handle with a map
 * can be sent to worker threads at no cost.
 */
export type HoleMap = Float64Array;

/** A range of a device that is a hole, or no hole. */
export interface Stretch {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly isHole: boolean;
}

/**
 * The map of a file that has data only in the given ranges.
 *
 * @param data start and end of one range after the other, in ascending order.
 * @param leastBytes Only holes of at least this length are listed. They start at multiples of it, and end there or at the
 *   end of the file. So a read of a part of the file that leaves the holes out starts at a block.
 */
export function holesBetween(data: Float64Array, sizeBytes: number, leastBytes: number): HoleMap {
  const bounds: number[] = [];
  let holeStartBytes = 0;
  const add = (endBytes: number): void => {
    const startBytes = Math.ceil(holeStartBytes / leastBytes) * leastBytes;
    const roundedEndBytes = endBytes === sizeBytes ? endBytes : endBytes - (endBytes % leastBytes);
    if (roundedEndBytes - startBytes >= leastBytes) bounds.push(startBytes, roundedEndBytes);
  };
  for (let index = 0; index < data.length; index += 2) {
    add(data[index]!);
    holeStartBytes = data[index + 1]!;
  }
  add(sizeBytes);
  return mapOf(bounds);
}

/** The ranges that are holes of both files. Without a map of one of them, there are none. */
export function commonHoles(a: HoleMap | undefined, b: HoleMap | undefined): HoleMap {
  const bounds: number[] = [];
  let [inA, inB] = [0, 0];
  while (a !== undefined && b !== undefined && inA < a.length && inB < b.length) {
    const startBytes = Math.max(a[inA]!, b[inB]!);
    const endBytes = Math.min(a[inA + 1]!, b[inB + 1]!);
    if (startBytes < endBytes) bounds.push(startBytes, endBytes);
    if (a[inA + 1]! < b[inB + 1]!) inA += 2;
    else inB += 2;
  }
  return mapOf(bounds);
}

function mapOf(bounds: readonly number[]): HoleMap {
  const shared = new SharedArrayBuffer(bounds.length * Float64Array.BYTES_PER_ELEMENT);
  const map = new Float64Array(shared);
  map.set(bounds);
  return map;
}

/** Whether one hole covers the whole range. False if there is no map. */
export function isInHole(holes: HoleMap | undefined, offsetBytes: number, lengthBytes: number): boolean {
  if (holes === undefined) return false;
  const pair = firstHoleAfter(holes, offsetBytes);
  return pair < holes.length && holes[pair]! <= offsetBytes && offsetBytes + lengthBytes <= holes[pair + 1]!;
}

/** A range as holes and data, in order. Without a map, all of it is data. */
export function stretchesOf(holes: HoleMap | undefined, offsetBytes: number, lengthBytes: number): Stretch[] {
  const stretches: Stretch[] = [];
  const endBytes = offsetBytes + lengthBytes;
  let atBytes = offsetBytes;
  const add = (toBytes: number, isHole: boolean): void => {
    if (toBytes > atBytes) stretches.push({ offsetBytes: atBytes, lengthBytes: toBytes - atBytes, isHole });
    atBytes = Math.max(atBytes, toBytes);
  };
  const map = holes ?? noHoles;
  for (let pair = firstHoleAfter(map, offsetBytes); pair < map.length && atBytes < endBytes; pair += 2) {
    add(Math.min(map[pair]!, endBytes), false);
    add(Math.min(map[pair + 1]!, endBytes), true);
  }
  add(endBytes, false);
  return stretches;
}

/**
 * The bytes of holes in ranges.
 *
 * @param ranges in ascending order, without overlap.
 */
export function holeBytesIn(holes: HoleMap | undefined, ranges: Iterable<Range>): number {
  let sumBytes = 0;
  for (const { lengthBytes } of holesIn(holes, ranges)) sumBytes += lengthBytes;
  return sumBytes;
}

/**
 * The parts of ranges that are holes, in their order.
 *
 * @param ranges in ascending order, without overlap.
 */
export function* holesIn(holes: HoleMap | undefined, ranges: Iterable<Range>): Generator<Range, void> {
  const map = holes ?? noHoles;
  let first = 0;
  for (const { offsetBytes, lengthBytes } of ranges) {
    const endBytes = offsetBytes + lengthBytes;
    while (first < map.length && map[first + 1]! <= offsetBytes) first += 2;
    for (let pair = first; pair < map.length && map[pair]! < endBytes; pair += 2) {
      const startBytes = Math.max(map[pair]!, offsetBytes);
      yield { offsetBytes: startBytes, lengthBytes: Math.min(map[pair + 1]!, endBytes) - startBytes };
    }
  }
}

const noHoles = new Float64Array(0);

/** Index of the first hole that ends behind an offset. */
function firstHoleAfter(holes: HoleMap, offsetBytes: number): number {
  return 2 * firstIndexWhere(holes.length / 2, (index) => holes[2 * index + 1]! > offsetBytes);
}
