import fc from 'fast-check';
import type { Extent } from '../../src/digest/extent.ts';

/** Extents in ascending order without overlaps; some are adjacent. */
export function ascendingExtents(
  mostExtents: number,
  mostGapBytes: number,
  mostLengthBytes: number,
): fc.Arbitrary<Extent[]> {
  const gapAndLength = fc.tuple(fc.nat({ max: mostGapBytes }), fc.integer({ min: 1, max: mostLengthBytes }));
  return fc.array(gapAndLength, { maxLength: mostExtents }).map((gaps) => {
    let offsetBytes = 0;
    return gaps.map(([gapBytes, lengthBytes]) => {
      const extent = { offsetBytes: offsetBytes + gapBytes, lengthBytes };
      offsetBytes += gapBytes + lengthBytes;
      return extent;
    });
  });
}
