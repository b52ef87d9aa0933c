import { BasynError } from '../errors.ts';
import type { PhaseName, RunEvent } from '../session/report.ts';
import { percentOf } from './format.ts';
import type { Reporter } from './reporter.ts';

/** Remembers how far a run came, for when it is interrupted. */
export class Milestone implements Reporter {
  #last: { readonly phase: PhaseName; readonly doneBytes: number; readonly sizeBytes: number } | undefined;

  event(event: RunEvent): void {
    switch (event.type) {
      case 'phase-start':
        this.#last = { ...event, doneBytes: 0 };
        break;
      case 'progress':
        this.#last = event;
        break;
      case 'phase-end':
        this.#last = { ...event, doneBytes: event.sizeBytes };
        break;
      case 'start':
      case 'warning':
      case 'note':
      case 'remote-stderr':
      case 'debug':
    }
  }

  /** The error of a run that a signal ended: whatever it `threw` then, such as a broken connection, follows from that. */
  interruption(signal: AbortSignal, threw: unknown): BasynError {
    const { message } = BasynError.from(signal.reason);
    return new BasynError('aborted', `${message} ${this.#howFar()}.`, {}, { cause: threw });
  }

  #howFar(): string {
    if (this.#last === undefined) return 'before anything was compared or written';
    const { phase, doneBytes, sizeBytes } = this.#last;
    return `during ${phase} at ${doneBytes} of ${sizeBytes} bytes (${percentOf(doneBytes, sizeBytes)}%)`;
  }
}
