import type { Extent } from '../digest/extent.ts';
import { bounds } from '../limits.ts';
import type { UnreadableParts } from '../report.ts';
import type { Job, JobRunner, ResultOf, SourceJob, Urgency } from '../workers/jobs.ts';
import type { UnreadableRanges } from '../workers/unreadable.ts';

/** Takes a range of the source that can't be read. */
export type UnreadableRangeListener = (range: Extent) => void;

/** What is known about the ranges that can't be read. Without such a range it has no fields. */
export function unreadablePartsOf(unreadable: UnreadableRanges | undefined): UnreadableParts {
  if (unreadable === undefined || unreadable.totalBytes === 0) return {};
  return {
    unreadableBytes: unreadable.totalBytes,
    unreadableRangeCount: unreadable.ranges.length,
    unreadableRanges: unreadable.ranges.slice(0, bounds.reportedUnreadableRanges),
  };
}

/** The same, as the peer has reported it. */
export function unreadablePartsIn(finish: UnreadableParts): UnreadableParts {
  const { unreadableBytes, unreadableRanges, unreadableRangeCount } = finish;
  return {
    ...(unreadableBytes !== undefined && { unreadableBytes }),
    ...(unreadableRanges !== undefined && { unreadableRanges }),
    ...(unreadableRangeCount !== undefined && { unreadableRangeCount }),
  };
}

/** Lets the jobs of a source leave out what can't be read, and collects these ranges. */
export class SkippingRunner<Able extends Job> implements JobRunner<Able> {
  readonly #runner: JobRunner<Able>;
  readonly #unreadable: UnreadableRanges;
  readonly #onUnreadable: UnreadableRangeListener;

  constructor(runner: JobRunner<Able>, unreadable: UnreadableRanges, onUnreadable: UnreadableRangeListener) {
    this.#runner = runner;
    this.#unreadable = unreadable;
    this.#onUnreadable = onUnreadable;
  }

  get parallelism(): number {
    return this.#runner.parallelism;
  }

  get isBusy(): boolean {
    return this.#runner.isBusy;
  }

  async run<J extends Able>(job: J, urgency: Urgency): Promise<ResultOf<J>> {
    const skipping: J & SourceJob = { ...job, readErrors: 'skip' };
    const result = await this.#runner.run(skipping, urgency);
    if ('unreadable' in result) {
      for (const range of result.unreadable ?? []) {
        this.#unreadable.add(range);
        this.#onUnreadable(range);
      }
    }
    return result;
  }

  close(): Promise<void> {
    return this.#runner.close();
  }
}
