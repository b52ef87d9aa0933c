import { describe, expect, test } from 'vitest';
import type { Encoding } from '../../../src/codec/encoding.ts';
import {
  compressionControlOf,
  type CompressionControl,
  type Throughput,
} from '../../../src/session/transfer/compression-control.ts';

/** Bytes per millisecond. */
const slowLink = 1_000;
const fastLink = 100_000_000;

describe('a compression that was asked for', () => {
  test.each([
    { choice: { name: 'zlib', level: 6 } as const, setting: { encoding: 'zlib', level: 6 } },
    { choice: { name: 'zstd', level: 9 } as const, setting: { encoding: 'zstd', level: 9 } },
    { choice: { name: 'none', level: null } as const, setting: { encoding: 'none' } },
  ])('is used to the letter, whatever the link: $choice', ({ choice, setting }) => {
    const control = compressionControlOf(choice);
    for (const linkBytesPerMs of [undefined, slowLink, fastLink]) {
      observeSome(control);
      expect(control.next(over(linkBytesPerMs, 2))).toMatchObject(setting);
    }
  });
});

describe('a compression that is left open', () => {
  test('is as strong as it can be where the link is slow', () => {
    const control = compressionControlOf({ name: 'auto', level: null });
    observeSome(control);
    const { encoding, level } = control.next(over(slowLink, 2));
    expect(encoding).toBe('zstd');
    expect(level).toBeGreaterThan(3);
  });

  test('is none where the link is faster than any compression', () => {
    const control = compressionControlOf({ name: 'auto', level: null });
    observeSome(control);
    expect(control.next(over(fastLink, 2))).toMatchObject({ encoding: 'none' });
  });

  test('is none where ssh would miss the processor time that it takes, although it would be a little faster', () => {
    const control = compressionControlOf({ name: 'auto', level: null });
    observeSome(control);
    // Two threads compress 200 MB/s.
    expect(control.next(over(170_000, 2))).toMatchObject({ encoding: 'none' });
    expect(control.next(over(100_000, 2))).toMatchObject({ encoding: 'zstd' });
    expect(control.next(over(170_000, 8))).toMatchObject({ encoding: 'zstd' });
  });

  test('counts the time that what is not worth it leaves to the threads', () => {
    const control = compressionControlOf({ name: 'auto', level: null });
    observeSome(control, ['zstd', 'none', 'none']);
    expect(control.next(over(119_000, 2))).toMatchObject({ encoding: 'zstd' });
    expect(control.next(over(400_000, 2))).toMatchObject({ encoding: 'none' });
  });

  test('gains more where ssh itself is what bounds the link: on a short way, faster than gigabit Ethernet', () => {
    const control = compressionControlOf({ name: 'auto', level: null });
    observeSome(control);
    const longWay = { linkBytesPerMs: 250_000, roundTripMs: 40, parallelism: 4 };
    expect(control.next(longWay)).toMatchObject({ encoding: 'zstd' });
    expect(control.next({ ...longWay, roundTripMs: 0.3 })).toMatchObject({ encoding: 'none' });
    expect(control.next({ ...longWay, roundTripMs: 0.3, linkBytesPerMs: 119_000 })).toMatchObject({
      encoding: 'zstd',
    });
  });

  test.each([
    { way: 'a short way, which is mostly a fast one', roundTripMs: 0.3, encoding: 'none' },
    { way: 'a long way', roundTripMs: 40, encoding: 'zstd' },
    { way: 'a way that nobody has measured', roundTripMs: undefined, encoding: 'zstd' },
  ])('begins with $encoding on $way', ({ roundTripMs, encoding }) => {
    const control = compressionControlOf({ name: 'auto', level: null });
    const first = control.next({ linkBytesPerMs: undefined, roundTripMs, parallelism: 2 });
    expect(first).toMatchObject({ encoding });
  });

  test('is none where nearly nothing is worth it', () => {
    const control = compressionControlOf({ name: 'auto', level: null });
    observeSome(control, ['none']);
    expect(control.next(over(119_000, 2))).toMatchObject({ encoding: 'none' });
  });

  test('is tried again now and then where it could pay, as the data may change', () => {
    const control = compressionControlOf({ name: 'auto', level: null });
    observeSome(control, ['none']);
    const used = Array.from({ length: 100 }, () => control.next(over(119_000, 2)));
    expect(used.some(({ encoding }) => encoding === 'zstd')).toBe(true);
    expect(used.filter(({ encoding }) => encoding === 'none').length).toBeGreaterThan(80);
    // No data could make two threads faster than such a link.
    const useless = Array.from({ length: 100 }, () => control.next(over(fastLink, 2)));
    expect(useless.some(({ encoding }) => encoding === 'zstd')).toBe(false);
  });

  test.each(['zlib', 'zstd'] as const)('stays %s, where that was asked for', (name) => {
    const control = compressionControlOf({ name, level: null });
    observeSome(control);
    for (const linkBytesPerMs of [undefined, slowLink, fastLink]) {
      expect(control.next(over(linkBytesPerMs, 2))).toMatchObject({ encoding: name });
    }
  });
});

/** On a way that is neither short nor known to be long. */
function over(linkBytesPerMs: number | undefined, parallelism: number): Throughput {
  return { linkBytesPerMs, roundTripMs: undefined, parallelism };
}

/** Ordinary data on an ordinary core: 100 MB/s, to 40 %. Of `outcomes`, each in its turn. */
function observeSome(control: CompressionControl, outcomes: readonly Encoding[] = ['zstd']): void {
  for (let count = 0; count < 120; count++) {
    const setting = { encoding: 'zstd', level: 1 } as const;
    const encoding = outcomes[count % outcomes.length]!;
    const [payloadBytes, encodeMs] = encoding === 'none' ? [1_000_000, 0.2] : [400_000, 10];
    control.observe({ setting, encoding, lengthBytes: 1_000_000, payloadBytes, encodeMs });
  }
}
