import type { Coverage } from '../../src/session/coverage.ts';

/** Examines the buffers with these indexes, which are in ascending order. */
export function only(indexes: readonly number[]): Coverage {
  return {
    bufferCount: indexes.length,
    indexAt: (position) => indexes[position]!,
    runLengthAt: (position) => {
      let length = 1;
      while (indexes[position + length] === indexes[position]! + length) length++;
      return length;
    },
    positionOf: (index) => indexes.filter((examined) => examined < index).length,
  };
}
