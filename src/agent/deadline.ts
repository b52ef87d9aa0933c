import { BasynError } from '../errors.ts';

/** A time that something must not exceed. */
export class Deadline {
  /** Rejects with a `connection` error when the time is over. */
  readonly missed: Promise<never>;
  #timer: NodeJS.Timeout | undefined;
  #miss: () => void = () => undefined;

  constructor(timeoutMs: number) {
    this.missed = new Promise((_resolve, reject) => {
      this.#miss = () => reject(new BasynError('connection', 'The client did not begin a run in time.'));
    });
    this.missed.catch(() => undefined);
    this.restart(timeoutMs);
  }

  restart(timeoutMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#miss, timeoutMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
