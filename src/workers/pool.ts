import { Worker } from 'node:worker_threads';
import { BusyTime } from '../busy-time.ts';
import { assert, BasynError, runEnded, type Side } from '../errors.ts';
import { bounds, tuning } from '../limits.ts';
import { JobSum, type RunnerTimes } from './job-meter.ts';
import { memoryOf, type Job, type JobRunner, type ResultOf, type Urgency } from './jobs.ts';
import { processorCount } from './processors.ts';
import type { ThreadAnswer } from './thread.ts';

interface PendingJob {
  readonly job: Job;
  readonly resolve: (result: ResultOf<Job>) => void;
  readonly reject: (error: BasynError) => void;
}

interface Thread {
  readonly worker: Worker;
  /** The jobs of the thread, oldest first. Their answers arrive in this order. */
  readonly jobs: PendingJob[];
}

/** Worker threads. Each job starts when a thread is free. */
export class WorkerPool implements JobRunner {
  readonly parallelism: number;
  readonly #program: string;
  readonly #side: Side;
  readonly #threads: Thread[] = [];
  readonly #waiting: Record<Urgency, PendingJob[]> = { now: [], ahead: [] };
  readonly #active = new BusyTime();
  readonly #sum = new JobSum();
  #mostThreads: number;
  #failure: BasynError | undefined;

  /**
   * @param program of a thread. The first thread starts at once, because that takes time. Further threads start when there
   *   is work for them.
   * @param side of the host on which they run, for messages.
   */
  constructor(program: string, side: Side, parallelism = Math.min(processorCount(), bounds.maxWorkers)) {
    this.#program = program;
    this.#side = side;
    this.parallelism = parallelism;
    this.#mostThreads = parallelism;
    this.#start();
  }

  get isBusy(): boolean {
    const waiting = this.#waiting.now.length + this.#waiting.ahead.length;
    return waiting > 0 || this.#threads.some(({ jobs }) => jobs.length > 0);
  }

  get times(): RunnerTimes {
    return this.#sum.times(this.#active.ms);
  }

  /** Leaves one of several processors to other programs until {@link useAll}. */
  leaveOne(): void {
    this.#mostThreads = Math.max(1, this.parallelism - 1);
  }

  useAll(): void {
    this.#mostThreads = this.parallelism;
    this.#dispatch();
  }

  run<J extends Job>(job: J, urgency: Urgency): Promise<ResultOf<J>> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#waiting[urgency].push({ job, resolve: resolve as PendingJob['resolve'], reject });
      this.#dispatch();
    });
  }

  async close(): Promise<void> {
    this.#fail(runEnded());
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #start(): Thread | undefined {
    let worker: Worker;
    try {
      // The threads do not inherit arguments of node such as --import. They need only their program.
      worker = new Worker(this.#program, {
        eval: true,
        argv: [],
        execArgv: [],
        resourceLimits: {
          maxOldGenerationSizeMb: bounds.threadHeapMiB,
          maxYoungGenerationSizeMb: bounds.threadYoungHeapMiB,
        },
      });
    } catch (error) {
      // The system has reached its limit of threads.
      this.#fail(this.#threadFailure("can't be started", error as Error));
      return undefined;
    }
    const thread: Thread = { worker, jobs: [] };
    this.#threads.push(thread);
    worker.on('message', (answer: ThreadAnswer) => this.#settle(thread, answer));
    worker.on('error', (error) => this.#fail(this.#threadFailure('died', error)));
    worker.on('exit', () => this.#fail(this.#threadFailure('died', new Error('it exited unexpectedly'))));
    return thread;
  }

  #dispatch(): void {
    for (;;) {
      const thread = this.#freeThread();
      const pending = this.#waiting.now[0] ?? this.#waiting.ahead[0];
      if (thread === undefined || pending === undefined) return;
      (this.#waiting.now.length > 0 ? this.#waiting.now : this.#waiting.ahead).shift();
      thread.jobs.push(pending);
      this.#active.begin(1);
      thread.worker.postMessage(pending.job, memoryOf(pending.job));
    }
  }

  /** In this order of preference: an idle thread, a new one, or one with room for another job. */
  #freeThread(): Thread | undefined {
    const isWorkWaiting = this.#waiting.now.length + this.#waiting.ahead.length > 0;
    if (!isWorkWaiting) return undefined;
    const idle = this.#threads.find(({ jobs }) => jobs.length === 0);
    if (idle !== undefined) return idle;
    if (this.#threads.length < this.#mostThreads) return this.#start();
    return this.#threads.find(({ jobs }) => jobs.length < tuning.jobsPerThread);
  }

  #settle(thread: Thread, answer: ThreadAnswer): void {
    const pending = thread.jobs.shift();
    assert(pending !== undefined, 'a thread answered without a job');
    this.#dispatch();
    this.#active.end(1);
    if ('result' in answer) {
      this.#sum.add(answer.times);
      pending.resolve(answer.result);
      return;
    }
    const error = BasynError.fromRecord(answer.error);
    if (answer.stack !== undefined) error.stack = answer.stack;
    pending.reject(error);
  }

  #fail(error: BasynError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    // Removes the waiting jobs: they must not start on a thread that still answers, or on a new one.
    const jobs = [
      ...this.#threads.flatMap((thread) => thread.jobs),
      ...this.#waiting.now.splice(0),
      ...this.#waiting.ahead.splice(0),
    ];
    for (const pending of jobs) pending.reject(error);
  }

  #threadFailure(what: string, cause: Error): BasynError {
    const sentence = `A worker thread on the ${this.#side} host ${what}: ${cause.message}.`;
    return new BasynError('internal', sentence, { side: this.#side }, { cause });
  }
}
