import { setImmediate } from 'node:timers/promises';
import { runEnded } from '../errors.ts';
import { JobMeter, JobSum, type RunnerTimes } from './job-meter.ts';
import type { Job, JobRunner, ResultOf } from './jobs.ts';

/** The jobs of all runs in this thread. They share its memory, so they run one after another. */
let lastJob: Promise<unknown> = Promise.resolve();
let meter: JobMeter | undefined;

/** Runs jobs in the calling thread, for work that takes less time than the start of a thread. */
export class InlineRunner<Able extends Job> implements JobRunner<Able> {
  readonly parallelism = 1;
  readonly #perform: <J extends Able>(job: J) => ResultOf<J> | Promise<ResultOf<J>>;
  #isClosed = false;
  #underWay = 0;
  #activeMs = 0;
  readonly #sum = new JobSum();

  constructor(perform: <J extends Able>(job: J) => ResultOf<J> | Promise<ResultOf<J>>) {
    this.#perform = perform;
  }

  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  get times(): RunnerTimes {
    return this.#sum.times(this.#activeMs);
  }

  run<J extends Able>(job: J): Promise<ResultOf<J>> {
    this.#underWay++;
    const result = lastJob.then(async () => {
      try {
        // Lets the event loop process signals.
        await setImmediate();
        if (this.#isClosed) throw runEnded();
        const end = (meter ??= new JobMeter()).begin(job);
        const done = await this.#perform(job);
        const times = end();
        this.#activeMs += times.elapsedMs;
        this.#sum.add(times);
        return done;
      } finally {
        this.#underWay--;
      }
    });
    lastJob = result.catch(() => undefined);
    return result;
  }

  /** Rejects the jobs that have not started. Resolves when no job is running. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await lastJob;
  }
}
