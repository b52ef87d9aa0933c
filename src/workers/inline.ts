import { setImmediate } from 'node:timers/promises';
import { runEnded } from '../errors.ts';
import type { Job, JobRunner, ResultOf } from './jobs.ts';
import { perform } from './perform.ts';

/** Carries out jobs in the calling thread: for work that is over before a thread has started. */
export class InlineRunner implements JobRunner {
  readonly parallelism = 1;
  #isClosed = false;

  async run<J extends Job>(job: J): Promise<ResultOf<J>> {
    // A turn of the event loop, in which a signal is heard.
    await setImmediate();
    if (this.#isClosed) throw runEnded();
    return perform(job);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }
}
