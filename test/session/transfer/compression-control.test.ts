import { describe, expect, test } from 'vitest';
import type { Encoding } from '../../../src/codec/encoding.ts';
import type { LinkSpeed } from '../../../src/link/link-speed.ts';
import {
  compressionControlOf,
  type CompressionControl,
} from '../../../src/session/transfer/compression-control.ts';

/** Bytes per millisecond. */
const slowLink = 1_000;
const fastLink = 100_000_000;

describe('a requested compression', () => {
  test.each([
    { choice: { name: 'zlib', level: 6 } as const, setting: { encoding: 'zlib', level: 6 } },
    { choice: { name: 'zstd', level: 9 } as const, setting: { encoding: 'zstd', level: 9 } },
    { choice: { name: 'none', level: null } as const, setting: { encoding: 'none' } },
  ])('is used exactly, whatever the link: $choice', ({ choice, setting }) => {
    const control = compressionControlOf(choice);
    for (const linkBytesPerMs of [undefined, slowLink, fastLink]) {
      observeSome(control);
      expect(control.next(over(linkBytesPerMs), 2)).toMatchObject(setting);
    }
  });
});

describe('an automatic compression', () => {
  test('is as strong as possible on a slow link', () => {
    const control = compressionControlOf({ name: 'auto', level: null });
    observeSome(control);
    const { encoding, level } = control.next(over(slowLink), 2);
    expect(encoding).toBe('zstd');
    expect(level).toBeGreaterThan(3);
  });

  test('is off if the link is faster than any compression', () => {
    const control = compressionControlOf({ name: 'auto', level: null });
    observeSome(control);
    expect(control.next(over(fastLink), 2)).toMatchObject({ encoding: 'none' });
  });

  test('is off if ssh needs the processor time more, even if compression would be slightly faster', () => {
    const control = compressionControlOf({ name: 'auto', level: null });
    observeSome(control);
    // Two threads compress 200 MB/s.
    expect(control.next(over(170_000), 2)).toMatchObject({ encoding: 'none' });
    expect(control.next(over(100_000), 2)).toMatchObject({ encoding: 'zstd' });
    expect(control.next(over(170_000), 8)).toMatchObject({ encoding: 'zstd' });
  });

  test('includes the time that incompressible data leaves to the threads', () => {
    const control = compressionControlOf({ name: 'auto', level: null });
    observeSome(control, ['zstd', 'none', 'none']);
    expect(control.next(over(119_000), 2)).toMatchObject({ encoding: 'zstd' });
    expect(control.next(over(400_000), 2)).toMatchObject({ encoding: 'none' });
  });

  test('is worth more if ssh itself limits the link: with a short round trip, above the speed of gigabit Ethernet', () => {
    const control = compressionControlOf({ name: 'auto', level: null });
    observeSome(control);
    const far = { bytesPerMs: 250_000, roundTripMs: 40 };
    expect(control.next(far, 4)).toMatchObject({ encoding: 'zstd' });
    expect(control.next({ ...far, roundTripMs: 0.3 }, 4)).toMatchObject({ encoding: 'none' });
    expect(control.next({ bytesPerMs: 119_000, roundTripMs: 0.3 }, 4)).toMatchObject({ encoding: 'zstd' });
  });

  test.each([
    { link: 'a short round trip, which mostly means a fast link', roundTripMs: 0.3, encoding: 'none' },
    { link: 'a long round trip', roundTripMs: 40, encoding: 'zstd' },
    { link: 'a round trip that has not been measured', roundTripMs: undefined, encoding: 'zstd' },
  ])('begins with $encoding with $link', ({ roundTripMs, encoding }) => {
    const control = compressionControlOf({ name: 'auto', level: null });
    const first = control.next({ bytesPerMs: undefined, roundTripMs }, 2);
    expect(first).toMatchObject({ encoding });
  });

  test('is off if almost no data is worth it', () => {
    const control = compressionControlOf({ name: 'auto', level: null });
    observeSome(control, ['none']);
    expect(control.next(over(119_000), 2)).toMatchObject({ encoding: 'none' });
  });

  test('is tried again from time to time if it could be worthwhile, because the data may change', () => {
    const control = compressionControlOf({ name: 'auto', level: null });
    observeSome(control, ['none']);
    const used = Array.from({ length: 100 }, () => control.next(over(119_000), 2));
    expect(used.some(({ encoding }) => encoding === 'zstd')).toBe(true);
    expect(used.filter(({ encoding }) => encoding === 'none').length).toBeGreaterThan(80);
    // No data could make two threads faster than such a link.
    const useless = Array.from({ length: 100 }, () => control.next(over(fastLink), 2));
    expect(useless.some(({ encoding }) => encoding === 'zstd')).toBe(false);
  });

  test.each(['zlib', 'zstd'] as const)('stays %s if that was requested', (name) => {
    const control = compressionControlOf({ name, level: null });
    observeSome(control);
    for (const linkBytesPerMs of [undefined, slowLink, fastLink]) {
      expect(control.next(over(linkBytesPerMs), 2)).toMatchObject({ encoding: name });
    }
  });
});

/** On a link whose round trip has not been measured. */
function over(bytesPerMs: number | undefined): LinkSpeed {
  return { bytesPerMs, roundTripMs: undefined };
}

/** Typical data on a typical core: 100 MB/s, to 40 %. The `outcomes` take turns. */
function observeSome(control: CompressionControl, outcomes: readonly Encoding[] = ['zstd']): void {
  for (let count = 0; count < 120; count++) {
    const setting = { encoding: 'zstd', level: 1 } as const;
    const encoding = outcomes[count % outcomes.length]!;
    const [payloadBytes, encodeMs] = encoding === 'none' ? [1_000_000, 0.2] : [400_000, 10];
    control.observe({ setting, encoding, lengthBytes: 1_000_000, payloadBytes, encodeMs });
  }
}
