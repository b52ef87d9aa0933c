import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { assert, BasynError, runEnded, type Side } from '../errors.ts';
import { limits } from '../limits.ts';
import { memoryOf, type Job, type JobRunner, type ResultOf, type Urgency } from './jobs.ts';
import type { ThreadAnswer } from './thread.ts';

/** A thread is handed its next job before it is done with the last, so that it never waits for this one. */
const jobsPerThread = 2;

interface PendingJob {
  readonly job: Job;
  readonly resolve: (result: ResultOf<Job>) => void;
  readonly reject: (error: BasynError) => void;
}

interface Thread {
  readonly worker: Worker;
  /** Jobs handed over, oldest first: the order in which their answers come. */
  readonly jobs: PendingJob[];
}

/** Worker threads that carry out jobs, each as soon as a thread is free for it. */
export class WorkerPool implements JobRunner {
  readonly parallelism: number;
  readonly #program: string;
  readonly #side: Side;
  readonly #threads: Thread[] = [];
  readonly #waiting: Record<Urgency, PendingJob[]> = { now: [], ahead: [] };
  #mostThreads: number;
  #failure: BasynError | undefined;

  /**
   * @param program of a thread. The first thread is started at once, as it takes a while, and further ones as there
   *   is work for them.
   * @param side on which they run, for messages.
   */
  constructor(
    program: string,
    side: Side,
    parallelism = Math.min(availableParallelism(), limits.maxWorkers),
  ) {
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

  /** Leaves a processor to others, where there are several, until {@link useAll}. */
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
      // No arguments and no --import of ours reach the threads: they need nothing but their program.
      worker = new Worker(this.#program, {
        eval: true,
        argv: [],
        execArgv: [],
        resourceLimits: {
          maxOldGenerationSizeMb: limits.threadHeapMiB,
          maxYoungGenerationSizeMb: limits.threadYoungHeapMiB,
        },
      });
    } catch (error) {
      // The kernel has no more threads to give.
      this.#fail(this.#threadFailure("can't be started", error as Error));
      return undefined;
    }
    const thread: Thread = { worker, jobs: [] };
    this.#threads.push(thread);
    worker.on('message', (answer: ThreadAnswer) => this.#settle(thread, answer));
    worker.on('error', (error) => this.#fail(this.#threadFailure('died', error)));
    worker.on('exit', () => this.#fail(this.#threadFailure('died', new Error('it ended by itself'))));
    return thread;
  }

  #dispatch(): void {
    for (;;) {
      const thread = this.#freeThread();
      const pending = this.#waiting.now[0] ?? this.#waiting.ahead[0];
      if (thread === undefined || pending === undefined) return;
      (this.#waiting.now.length > 0 ? this.#waiting.now : this.#waiting.ahead).shift();
      thread.jobs.push(pending);
      thread.worker.postMessage(pending.job, memoryOf(pending.job));
    }
  }

  /** An idle thread, or a new one, or one that is about to be idle: in this order. */
  #freeThread(): Thread | undefined {
    const isWorkWaiting = this.#waiting.now.length + this.#waiting.ahead.length > 0;
    if (!isWorkWaiting) return undefined;
    const idle = this.#threads.find(({ jobs }) => jobs.length === 0);
    if (idle !== undefined) return idle;
    if (this.#threads.length < this.#mostThreads) return this.#start();
    return this.#threads.find(({ jobs }) => jobs.length < jobsPerThread);
  }

  #settle(thread: Thread, answer: ThreadAnswer): void {
    const pending = thread.jobs.shift();
    assert(pending !== undefined, 'a thread answered without a job');
    this.#dispatch();
    if ('result' in answer) {
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
    // What waits is taken out: a thread that still answers must not be handed any of it, nor another be started.
    const jobs = [
      ...this.#threads.flatMap((thread) => thread.jobs),
      ...this.#waiting.now.splice(0),
      ...this.#waiting.ahead.splice(0),
    ];
    for (const pending of jobs) pending.reject(error);
  }

  #threadFailure(what: string, cause: Error): BasynError {
    const sentence = `A worker thread on the ${this.#side} side ${what}: ${cause.message}.`;
    return new BasynError('internal', sentence, { side: this.#side }, { cause });
  }
}
