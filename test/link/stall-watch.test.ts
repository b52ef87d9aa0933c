import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { frameHeaderBytes } from '../../src/protocol/frame.ts';
import { StallWatch, type Standing } from '../../src/link/stall-watch.ts';

const timeoutMs = 1000;
const idle: Standing = {
  substanceBytes: 0,
  isWaiting: true,
  isPeerFlushing: false,
  unansweredPingMs: 0,
  isSending: false,
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The complaint of a watch that checks four times per timeout, for this time. */
function complaintAfter(totalMs: number, standingAt: (ms: number, watch: StallWatch) => Standing): string {
  const watch = new StallWatch(timeoutMs);
  for (let ms = 250; ms <= totalMs; ms += 250) {
    vi.advanceTimersByTime(250);
    const { error } = watch.look(standingAt(ms, watch));
    if (error !== undefined) return `${ms}: ${error.message}`;
  }
  return 'none';
}

test('a peer that sends only signs of life is given up after ten timeouts', () => {
  expect(complaintAfter(20_000, () => idle)).toMatch(/^10250: .*has made no progress for 10 seconds/);
  // A partly received ping does not count.
  const partly = (ms: number): Standing => ({ ...idle, substanceBytes: ms % (frameHeaderBytes - 1) });
  expect(complaintAfter(20_000, partly)).toMatch(/has made no progress/);
});

test.each<[string, (ms: number, watch: StallWatch) => Standing]>([
  ['flushes', () => ({ ...idle, isPeerFlushing: true })],
  ['sends a slow frame', (ms) => ({ ...idle, substanceBytes: ms })],
  ['waits for our messages', () => ({ ...idle, isWaiting: false })],
  [
    'works on slow storage',
    (ms, watch) => {
      if (ms % timeoutMs === 0) watch.peerWorks();
      return idle;
    },
  ],
])('a peer that %s is waited for', (_, standingAt) => {
  expect(complaintAfter(100_000, standingAt)).toBe('none');
});

test('a peer that does not answer pings is given up after the timeout, unless data may delay them', () => {
  const unanswered = (ms: number): Standing => ({ ...idle, unansweredPingMs: ms });
  expect(complaintAfter(9000, unanswered)).toMatch(/^1250: .*has not answered pings for 1 seconds/);
  expect(complaintAfter(9000, (ms) => ({ ...unanswered(ms), isSending: true }))).toBe('none');
});
