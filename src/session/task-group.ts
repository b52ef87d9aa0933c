/** Background work of a phase. The first failure in it ends the phase. */
export class TaskGroup {
  readonly #failed: Promise<never>;
  #fail!: (error: unknown) => void;

  constructor() {
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // `race` reports the failure. Before that, it must not count as an unhandled rejection.
    this.#failed.catch(() => undefined);
  }

  /** Lets `task` run in the background. */
  spawn(task: Promise<unknown>): void {
    task.catch(this.#fail);
  }

  /** Settles with the outcome of `work`, or rejects with the first failure of a background task. */
  race<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#failed]);
  }
}
