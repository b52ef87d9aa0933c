import { BusyTime } from '../busy-time.ts';

/**
 * What one side measures of the stages of an attempt, besides its jobs. All phases add to it.
 */
export class StageTimes {
  /** Of a source: data was read or sent, and the target had not confirmed that it is written. */
  readonly data = new BusyTime();
  /**
   * Of a source: data or a question was without a confirmation or an answer. Of a target: it had data to write, or a question to
   * answer. The difference is the time in which everything was on its way.
   */
  readonly exchange = new BusyTime();
  /** Of a target: the flush at the end of a phase. Of a source: how long it has waited for that. */
  readonly flush = new BusyTime();
}
