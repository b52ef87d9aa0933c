import { expect, test } from 'vitest';
import { BasynError, type ErrorCode } from '../../src/errors.ts';
import { waitBeforeRetryMs } from '../../src/runs/retry-policy.ts';

const link = new BasynError('connection', 'The link failed.', { retryable: true });
const policy = { retries: 9, retryWaitMs: 60_000 };

test('the waits double up to the limit', () => {
  const waits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((failures) => waitBeforeRetryMs(link, failures, policy));
  expect(waits).toEqual([1000, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  expect(waitBeforeRetryMs(link, 1_000_000, { retries: 1_000_000, retryWaitMs: 60_000 })).toBe(60_000);
});

test('as many attempts as allowed follow in a row without progress', () => {
  expect(waitBeforeRetryMs(link, 9, policy)).toBe(60_000);
  expect(waitBeforeRetryMs(link, 10, policy)).toBeUndefined();
  expect(waitBeforeRetryMs(link, 0, { ...policy, retries: 0 })).toBeUndefined();
});

test.each<ErrorCode>(['usage', 'device', 'refused', 'connection', 'protocol', 'aborted', 'internal'])(
  'an error of the kind %s is not followed by another attempt unless the link failed',
  (code) => {
    expect(waitBeforeRetryMs(new BasynError(code, 'Something failed.'), 1, policy)).toBeUndefined();
  },
);
