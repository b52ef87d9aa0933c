/** Work that goes on beside the story of a phase; the first failure in it ends the story too. */
export class TaskGroup {
  readonly #failed: Promise<never>;
  #fail!: (error: unknown) => void;

  constructor() {
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Whoever races against it hears of it. Before anyone does, it is no unhandled rejection.
    this.#failed.catch(() => undefined);
  }

  /** Lets `task` go on by itself. */
  spawn(task: Promise<unknown>): void {
    task.catch(this.#fail);
  }

  /** The story's outcome, or the first failure of the work beside it. */
  race<T>(story: Promise<T>): Promise<T> {
    return Promise.race([story, this.#failed]);
  }
}
