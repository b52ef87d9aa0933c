import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bounds } from '../../../src/limits.ts';
import { readBanner } from '../../../src/transport/loader/banner.ts';
import { isTooOld } from '../../../src/transport/loader/node-loader.ts';
import { failureOf } from '../../support/failure.ts';

test('a banner is read exactly, in whatever pieces it arrives, and what follows stays in the stream', async () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(cuts, fc.uint8Array({ minLength: 1, maxLength: 50 }), async (lengths, follows) => {
      const stream = new PassThrough();
      const banner = readBanner(stream, 1000);
      const wire = Buffer.concat([Buffer.from('BASYN 1 20.11.0\n'), follows]);
      let start = 0;
      for (let index = 0; start < wire.length; index++) {
        const end = start + lengths[index % lengths.length]!;
        stream.write(wire.subarray(start, end));
        start = end;
      }
      expect(await banner).toBe('20.11.0');
      stream.end();
      expect(Buffer.concat(await stream.toArray()).equals(follows)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test('another version of the bootstrap is reported as that, not as text of the shell', async () => {
  const stream = new PassThrough();
  stream.write('BASYN 2 20.11.0\n');
  const { code, message } = await failureOf(() => readBanner(stream, 1000));
  expect(code).toBe('connection');
  expect(message).toMatch(/^another version of Basyn starts there \("BASYN 2 20\.11\.0"\): /);
});

test.each(['Welcome!\n', 'BASYN 1 20.11.0 \n', '\n', 'BASYN 1\n', 'x'.repeat(bounds.maxBannerBytes)])(
  'anything else is refused: %j',
  async (text) => {
    const stream = new PassThrough();
    stream.write(text);
    expect(await failureOf(() => readBanner(stream, 1000))).toMatchObject({ code: 'connection' });
  },
);

test('silence is a failure after the timeout', async () => {
  expect(await failureOf(() => readBanner(new PassThrough(), 30))).toMatchObject({
    message: expect.stringMatching(/^node there did not answer within 0 seconds; /),
    remedy: 'longer-timeout',
  });
});

test('the end of the stream before any text is reported as that', async () => {
  const stream = new PassThrough();
  stream.end();
  expect(await readBanner(stream, 1000)).toBeUndefined();
});

test.each([
  ['16.20.2', true],
  ['17.9.1', true],
  ['18.0.0', false],
  ['26.1.0', false],
  ['100.0.0', false],
])('node %s is too old: %s', (version, expected) => {
  expect(isTooOld(version)).toBe(expected);
});
