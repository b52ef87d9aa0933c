import { BasynError } from '../errors.ts';
import type { ReportedPhase, RunEvent } from '../report.ts';
import { formatExactBytes, percentOf } from '../display/format.ts';
import type { Task } from '../options/task.ts';
import type { Wording } from '../options/wording.ts';
import { writtenSideOf } from '../options/written-side.ts';
import type { Reporter } from './reporter.ts';
import { withSentence } from './remedies.ts';
import { GivenUp } from './signals.ts';

/** Remembers how far a run came, for when it is interrupted or fails. */
export class Milestone implements Reporter {
  #last:
    { readonly phase: ReportedPhase; readonly doneBytes: number; readonly sizeBytes: number } | undefined;
  readonly #wording: Wording;
  #writes = false;
  #isWriting = false;

  /** @param wording of what the user has written: a command, or a file of jobs. */
  constructor(wording: Wording) {
    this.#wording = wording;
  }

  started({ kind, options }: Task): void {
    this.#writes = writtenSideOf(kind, options) !== undefined;
  }

  event(event: RunEvent): void {
    switch (event.type) {
      case 'phase-start':
        this.#last = { ...event, sizeBytes: workBytesOf(event), doneBytes: 0 };
        this.#isWriting = this.#writes && event.phase !== 'recheck';
        break;
      case 'progress':
        this.#last = event;
        break;
      case 'phase-end':
        this.#last = { ...event, sizeBytes: workBytesOf(event), doneBytes: workBytesOf(event) };
        this.#isWriting = false;
        break;
      case 'start':
      case 'runtime-start':
      case 'runtime-progress':
      case 'runtime-end':
      case 'flushing':
      case 'attempt':
      case 'unreadable':
      case 'state-file':
      case 'warning':
      case 'note':
      case 'remote-stderr':
      case 'debug':
    }
  }

  /** The error of a run that a signal ended: whatever it `threw` then, such as a broken connection, follows from that. */
  interruption(signal: AbortSignal, threw: unknown): BasynError {
    const { message } = BasynError.from(signal.reason);
    const left = threw instanceof GivenUp ? ' A device or a process does not answer, and was left.' : '';
    return this.failure(
      new BasynError('aborted', `${message} ${this.#howFar()}.${left}`, {}, { cause: threw }),
    );
  }

  /** The error, with what to do about a target that may have been written to. */
  failure(error: BasynError): BasynError {
    if (!this.#isWriting) return error;
    const again = `run it again with ${this.#wording.write({ mode: 'SYNC' })} to repair it`;
    const repaired = withSentence(error, `The target may be incomplete: ${again}.`);
    return error.retryable === true ? withSentence(repaired, this.#nextRun()) : repaired;
  }

  /** After a failure of the link: what a second run costs, and how the next one continues by itself. */
  #nextRun(): string {
    const sizeBytes = this.#last?.sizeBytes ?? 0;
    const reads = `It reads ${formatExactBytes(sizeBytes)} on each side, and sends what still differs.`;
    return `${reads} With ${this.#wording.name('retries')}, a run continues by itself after such a failure.`;
  }

  #howFar(): string {
    if (this.#last === undefined) return 'before anything was compared or written';
    const { phase, doneBytes, sizeBytes } = this.#last;
    return `during ${phase} at ${doneBytes} of ${sizeBytes} bytes (${percentOf(doneBytes, sizeBytes)}%)`;
  }
}

function workBytesOf({
  sizeBytes,
  examinedBytes = sizeBytes,
}: {
  readonly sizeBytes: number;
  readonly examinedBytes?: number;
}): number {
  return examinedBytes;
}
