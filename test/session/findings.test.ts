import fc from 'fast-check';
import { expect, test } from 'vitest';
import { joinNeighbours, totalBytes } from '../../src/digest/extent.ts';
import { limits } from '../../src/limits.ts';
import { Findings } from '../../src/session/findings.ts';
import { ascendingExtents } from '../support/extents.ts';

const ascending = ascendingExtents(60, 2, 5);

test('findings count every byte and every range, join what touches, and name the first ranges', () => {
  fc.assert(
    fc.property(ascending, fc.array(fc.nat({ max: 7 }), { maxLength: 60 }), (extents, batches) => {
      const findings = new Findings();
      const rest = [...extents];
      for (const size of batches) findings.add(rest.splice(0, size));
      findings.add(rest);
      const joined = joinNeighbours(extents);
      expect(findings.differingBytes).toBe(totalBytes(extents));
      expect(findings.differingRangeCount).toBe(joined.length);
      expect(findings.differingRanges).toEqual(joined.slice(0, limits.reportedRanges));
    }),
  );
});

test('the last range that is named goes on as long as it differs', () => {
  const findings = new Findings();
  for (let index = 0; index < limits.reportedRanges; index++) {
    findings.add([{ offsetBytes: index * 10, lengthBytes: 1 }]);
  }
  const lastOffset = (limits.reportedRanges - 1) * 10;
  findings.add([{ offsetBytes: lastOffset + 1, lengthBytes: 4 }]);
  findings.add([{ offsetBytes: lastOffset + 7, lengthBytes: 1 }]);
  expect(findings.differingRanges.at(-1)).toEqual({ offsetBytes: lastOffset, lengthBytes: 5 });
  expect(findings.differingRangeCount).toBe(limits.reportedRanges + 1);
});
