import { describe, expect, it } from 'vitest';
import {
  bytesPerSecond,
  formatBytes,
  formatClock,
  formatCount,
  formatExactBytes,
  formatSpeed,
  percentOf,
} from '../../src/display/format.ts';

describe('formats', () => {
  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [1023, '1023 bytes'],
    [1023.7, '1.0 KiB'],
    [1024, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [1024 * 1024 - 1, '1.0 MiB'],
    [4 * 2 ** 30, '4.0 GiB'],
    [2 ** 40 * 18, '18.0 TiB'],
    [Number.MAX_SAFE_INTEGER, '8.0 PiB'],
    [2 ** 60 * 3, '3072.0 PiB'],
  ])('%d bytes: %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('exact sizes never lose a byte', () => {
    expect(formatExactBytes(512)).toBe('512 bytes');
    expect(formatExactBytes(4 * 2 ** 30 + 1)).toBe('4294967297 bytes (4.0 GiB)');
  });

  it('speeds', () => {
    expect(formatSpeed(1.5 * 2 ** 20)).toBe('1.5 MiB/s');
    expect(bytesPerSecond(3000, 1500)).toBe(2000);
    expect(bytesPerSecond(3000, 0)).toBe(3_000_000);
  });

  it.each([
    [0, '0:00'],
    [6_600, '0:07'],
    [59_600, '1:00'],
    [725_000, '12:05'],
    [3_600_000, '1:00:00'],
    [3_723_000, '1:02:03'],
    [360_000_000, '100:00:00'],
  ])('%d ms: %s', (durationMs, text) => {
    expect(formatClock(durationMs)).toBe(text);
  });

  it.each([
    [0, 100, 0],
    [999, 1000, 99],
    [1000, 1000, 100],
    [0, 0, 100],
  ])('%d of %d: %d percent', (done, size, percent) => {
    expect(percentOf(done, size)).toBe(percent);
  });

  it('counts', () => {
    expect(formatCount(1, 'range')).toBe('1 range');
    expect(formatCount(0, 'range')).toBe('0 ranges');
  });
});
