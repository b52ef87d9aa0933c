import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { assert, BasynError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Job, JobRunner, ResultOf, Urgency } from './jobs.ts';
import { perform } from './perform.ts';
import type { ThreadAnswer } from './thread.ts';

/** A thread is handed its next job before it is done with the last, so that it never waits for this one. */
const jobsPerThread = 2;

interface Task {
  readonly job: Job;
  readonly resolve: (result: ResultOf<Job>) => void;
  readonly reject: (error: BasynError) => void;
}

interface Thread {
  readonly worker: Worker;
  /** Jobs handed over, oldest first: the order in which their answers come. */
  readonly tasks: Task[];
}

/** Worker threads that carry out jobs, each as soon as a thread is free for it. */
export class WorkerPool implements JobRunner {
  readonly parallelism: number;
  readonly #threads: Thread[];
  readonly #waiting: Record<Urgency, Task[]> = { now: [], ahead: [] };
  #failure: BasynError | undefined;

  /** @param program the agent bundle: in a worker thread, it serves jobs. */
  constructor(program: string, parallelism = Math.min(availableParallelism(), limits.maxWorkers)) {
    this.parallelism = parallelism;
    this.#threads = Array.from({ length: parallelism }, () => this.#start(program));
  }

  run<J extends Job>(job: J, urgency: Urgency): Promise<ResultOf<J>> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#waiting[urgency].push({ job, resolve: resolve as Task['resolve'], reject });
      this.#dispatch();
    });
  }

  async close(): Promise<void> {
    this.#fail(runEnded());
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #start(program: string): Thread {
    // No arguments and no --import of ours reach the threads: they need nothing but their program.
    const worker = new Worker(program, { eval: true, argv: [], execArgv: [] });
    const thread: Thread = { worker, tasks: [] };
    worker.on('message', (answer: ThreadAnswer) => this.#settle(thread, answer));
    worker.on('error', (error) => this.#fail(threadDied(error)));
    worker.on('exit', () => this.#fail(threadDied(new Error('it ended by itself'))));
    return thread;
  }

  #dispatch(): void {
    for (;;) {
      const thread = this.#threads.reduce((least, one) =>
        one.tasks.length < least.tasks.length ? one : least,
      );
      if (thread.tasks.length >= jobsPerThread) return;
      const task = this.#waiting.now.shift() ?? this.#waiting.ahead.shift();
      if (task === undefined) return;
      thread.tasks.push(task);
      thread.worker.postMessage(task.job, transferablesOf(task.job));
    }
  }

  #settle(thread: Thread, answer: ThreadAnswer): void {
    const task = thread.tasks.shift();
    assert(task !== undefined, 'a thread answered without a job');
    this.#dispatch();
    if ('result' in answer) {
      task.resolve(answer.result);
      return;
    }
    const error = BasynError.fromRecord(answer.error);
    if (answer.stack !== undefined) error.stack = answer.stack;
    task.reject(error);
  }

  #fail(error: BasynError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    const tasks = [
      ...this.#threads.flatMap((thread) => thread.tasks),
      ...this.#waiting.now,
      ...this.#waiting.ahead,
    ];
    for (const task of tasks) task.reject(error);
  }
}

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

function transferablesOf(job: Job): ArrayBuffer[] {
  if (job.kind !== 'write' || job.payload.byteLength === 0) return [];
  // The frame decoder gives every payload memory of its own.
  return job.payload.buffer instanceof ArrayBuffer ? [job.payload.buffer] : [];
}

function runEnded(): BasynError {
  return new BasynError('aborted', 'The run was ended.');
}

function threadDied(cause: Error): BasynError {
  return new BasynError('internal', `A worker thread died: ${cause.message}.`, {}, { cause });
}
