import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../clock.ts';
import { tuning } from '../limits.ts';

/**
 * Measures the round-trip time as the shortest of several answers to pings.
 *
 * A peer that is busy, for example with its start, answers all waiting pings at once, so the latest ping waited least.
 * Therefore this sends pings continuously, until there are enough answers and they get no shorter.
 *
 * @param ping sends a ping, and resolves with the milliseconds until its answer.
 * @param shortMs an answer that takes less is short enough: no further one is needed.
 * @throws what `ping` throws for a link that has failed.
 */
export async function measureRoundTripMs(ping: () => Promise<number>, shortMs: number): Promise<number> {
  const startMs = monotonicMs();
  const answersMs: number[] = [];
  for (;;) {
    const answered = ping().then((answerMs) => void answersMs.push(answerMs));
    answered.catch(() => undefined);
    const elapsedMs = monotonicMs() - startMs;
    const intervalMs = Math.max(tuning.pingIntervalMs, elapsedMs * tuning.pingIntervalShare);
    await Promise.race([answered, sleep(intervalMs, undefined, { ref: false })]);
    const shortestMs = Math.min(...answersMs);
    const areEnough = answersMs.length >= tuning.roundTripSamples && answersMs.at(-1)! > shortestMs;
    if (shortestMs < shortMs || areEnough) return shortestMs;
  }
}

/** Whether the round trip is short. A link that has not been measured may have a long one. */
export function isNear(roundTripMs = Infinity): boolean {
  return roundTripMs < tuning.longRoundTripMs;
}
