import fc from 'fast-check';
import { expect, test } from 'vitest';
import { joinNeighbours, totalBytes } from '../../../src/digest/extent.ts';
import { bounds } from '../../../src/limits.ts';
import { Findings } from '../../../src/session/compare/findings.ts';
import { ascendingExtents } from '../../support/extents.ts';

const ascending = ascendingExtents(60, 2, 5);

test('findings count every byte and every range, join adjacent ranges, and list the first ones', () => {
  fc.assert(
    fc.property(ascending, fc.array(fc.nat({ max: 7 }), { maxLength: 60 }), (extents, batches) => {
      const findings = new Findings();
      const rest = [...extents];
      for (const size of batches) findings.add(rest.splice(0, size));
      findings.add(rest);
      const joined = joinNeighbours(extents);
      expect(findings.differingBytes).toBe(totalBytes(extents));
      expect(findings.differingRangeCount).toBe(joined.length);
      expect(findings.differingRanges).toEqual(joined.slice(0, bounds.reportedRanges));
    }),
  );
});

test('the last listed range extends as long as the bytes differ', () => {
  const findings = new Findings();
  for (let index = 0; index < bounds.reportedRanges; index++) {
    findings.add([{ offsetBytes: index * 10, lengthBytes: 1 }]);
  }
  const lastOffset = (bounds.reportedRanges - 1) * 10;
  findings.add([{ offsetBytes: lastOffset + 1, lengthBytes: 4 }]);
  findings.add([{ offsetBytes: lastOffset + 7, lengthBytes: 1 }]);
  expect(findings.differingRanges.at(-1)).toEqual({ offsetBytes: lastOffset, lengthBytes: 5 });
  expect(findings.differingRangeCount).toBe(bounds.reportedRanges + 1);
});

test('the findings of parts add up to those of the whole, wherever the parts are divided', () => {
  fc.assert(
    fc.property(ascending, fc.array(fc.nat({ max: 7 }), { maxLength: 60 }), (extents, sizes) => {
      const whole = new Findings();
      whole.add(extents);
      const parts = new Findings();
      const rest = [...extents];
      for (const size of [...sizes, extents.length]) {
        const part = new Findings();
        part.add(rest.splice(0, size));
        parts.append(part);
      }
      parts.append(new Findings());
      expect(parts).toEqual(whole);
    }),
  );
});
