import { expect, test } from 'vitest';
import { geometryOf } from '../../src/digest/geometry.ts';
import { rangesOf, wholeDevice } from '../../src/session/coverage.ts';
import { only } from './coverage.fixture.ts';

const geometry = geometryOf(1050, 100, 50);

test('a whole device is examined from its first byte to its last, in pieces', () => {
  expect([...rangesOf(wholeDevice(geometry), geometry, 400)]).toEqual([
    { offsetBytes: 0, lengthBytes: 400 },
    { offsetBytes: 400, lengthBytes: 400 },
    { offsetBytes: 800, lengthBytes: 250 },
  ]);
});

test('adjacent examined buffers form one range, and what lies between others is omitted', () => {
  expect([...rangesOf(only([1, 2, 5, 10]), geometry, 1000)]).toEqual([
    { offsetBytes: 100, lengthBytes: 200 },
    { offsetBytes: 500, lengthBytes: 100 },
    { offsetBytes: 1000, lengthBytes: 50 },
  ]);
});

test('a piece never crosses a gap, whatever its size', () => {
  expect([...rangesOf(only([0, 3]), geometry, 70)]).toEqual([
    { offsetBytes: 0, lengthBytes: 70 },
    { offsetBytes: 70, lengthBytes: 30 },
    { offsetBytes: 300, lengthBytes: 70 },
    { offsetBytes: 370, lengthBytes: 30 },
  ]);
});

test('an empty coverage has no range', () => {
  expect([...rangesOf(wholeDevice(geometryOf(0, 100, 50)), geometry, 70)]).toEqual([]);
});
