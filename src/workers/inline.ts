import { setImmediate } from 'node:timers/promises';
import { runEnded } from '../errors.ts';
import type { Job, JobRunner, ResultOf } from './jobs.ts';

/** Jobs of all runs in this thread: they share its memory, so they are carried out one after the other. */
let lastJob: Promise<unknown> = Promise.resolve();

/** Carries out jobs in the calling thread: for work that is over before a thread has started. */
export class InlineRunner<Able extends Job> implements JobRunner<Able> {
  readonly parallelism = 1;
  readonly #perform: <J extends Able>(job: J) => ResultOf<J> | Promise<ResultOf<J>>;
  #isClosed = false;
  #underWay = 0;

  constructor(perform: <J extends Able>(job: J) => ResultOf<J> | Promise<ResultOf<J>>) {
    this.#perform = perform;
  }

  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  run<J extends Able>(job: J): Promise<ResultOf<J>> {
    this.#underWay++;
    const result = lastJob.then(async () => {
      try {
        // A turn of the event loop, in which a signal is heard.
        await setImmediate();
        if (this.#isClosed) throw runEnded();
        return await this.#perform(job);
      } finally {
        this.#underWay--;
      }
    });
    lastJob = result.catch(() => undefined);
    return result;
  }

  /** Jobs that have not begun reject. Resolves when none is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await lastJob;
  }
}
