import { bounds, tuning } from '../limits.ts';
import { journalPrefix, type JournalStreams, type Level } from './journal.ts';
import { type Importance, Outlet, type TextStream } from './outlet.ts';
import { safeJson, safeText } from '../display/safe-text.ts';

/** Read only when something is written. */
export interface Streams {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  /** The variable TERM. A `dumb` terminal obeys no commands: it gets lines, like a log. */
  readonly terminalType?: string | undefined;
  /** Lines to the journal begin with their level. Left out: neither stream leads there. */
  readonly journal?: JournalStreams | undefined;
}

/** Takes lines, and a status line below them. */
export interface LineWriter {
  /** A line of what the user asked for. */
  print(line: string, importance?: Importance): void;
  /** A line about what the user should know besides. Its level is `notice` unless it is given. */
  notice(line: string, importance?: Importance, level?: Level): void;
  /** Draws the status line on a terminal. The empty text removes it. */
  showStatus(text: string): void;
  /** Undefined where there is no terminal, or one that obeys no commands. */
  readonly terminalColumns: number | undefined;
}

/** How the output ended: all was written; a write failed; or a signal ended the wait for a reader. */
export type Ending = 'written' | 'unread' | NodeJS.ErrnoException;

/** From the start of the first status line on: a window that became narrower may have wrapped it. */
const eraseStatus = '\r\x1b[J';
/**
 * The cursor rests at the start of the status line. A terminal that wraps the line anew, because its window became
 * narrower, then leaves the cursor in the first row of it. What the terminal itself prints, such as the `^C` of Ctrl-C,
 * replaces the line instead of wrapping it.
 */
const afterStatus = (lineCount: number): string => (lineCount > 1 ? `\x1b[${lineCount - 1}A\r` : '\r');

/**
 * Writes lines to stdout and stderr, around a status line that stays the last one of the terminal. Every
 * line is made safe here, so that nothing which came from elsewhere reaches a terminal as a command.
 *
 * A reader that is slow, or doesn't read, delays nobody but itself: what it has not taken yet waits in a bounded queue.
 */
export class Output implements LineWriter {
  readonly #stdout: Outlet;
  readonly #stderr: Outlet;
  readonly #isDumb: boolean;
  readonly #journal: JournalStreams;
  #status = '';

  constructor(streams: Streams) {
    this.#isDumb = streams.terminalType === 'dumb';
    this.#journal = streams.journal ?? { stdout: false, stderr: false };
    // All that may be dropped from stdout is JSON.
    const gapObject = (count: number): string => safeJson({ type: 'warning', message: gapSentence(count) });
    this.#stdout = new Outlet(
      () => streams.stdout,
      (count) => `${this.#prefix('stdout', 'warning')}${gapObject(count)}\n`,
    );
    this.#stderr = new Outlet(
      () => streams.stderr,
      (count) => `${this.#prefix('stderr', 'warning')}basyn: warning: ${gapSentence(count)}\n`,
    );
  }

  /** A line of what the user asked for, to stdout. */
  print(line: string, importance: Importance = 'kept'): void {
    this.#writeLine(this.#stdout, this.#prefix('stdout', 'info'), line, importance);
  }

  /** A line about what the user should know besides, to stderr. */
  notice(line: string, importance: Importance = 'kept', level: Level = 'notice'): void {
    this.#writeLine(this.#stderr, this.#prefix('stderr', level), line, importance);
  }

  /** Draws the status on stderr, which must be a terminal. It may have several lines. The empty text removes it. */
  showStatus(text: string): void {
    if (text === this.#status) return;
    this.#status = text;
    this.#stderr.put('latest', () => eraseStatus + this.#drawnStatus);
  }

  get #drawnStatus(): string {
    return this.#status === '' ? '' : this.#status + afterStatus(this.#status.split('\n').length);
  }

  /** Width of the terminal behind stderr, or undefined where it is none, or where it obeys no commands. */
  get terminalColumns(): number | undefined {
    const { isTTY, columns = 0 } = this.#stderr.stream;
    if (isTTY !== true || this.#isDumb) return undefined;
    // Some terminals, such as a container's, don't know their size, and say 0.
    return columns > 0 ? columns : tuning.progress.columns;
  }

  /**
   * Waits until all is written, however slow the reader is. A signal ends the wait; one that came before leaves the
   * reader `bounds.outputGraceMs`.
   */
  async flush(interruption: AbortSignal): Promise<Ending> {
    const wait = new AbortController();
    const written = Promise.all([this.#stdout.idle(), this.#stderr.idle()]);
    const ending = await Promise.race([
      written.then(() => 'written' as const),
      impatience(interruption, wait.signal).then(() => 'unread' as const),
    ]);
    wait.abort();
    // A reader that has seen enough (`| head`) is no failure, and for stderr there is nobody to tell.
    const { error } = this.#stdout;
    return error !== undefined && error.code !== 'EPIPE' ? error : ending;
  }

  #prefix(stream: keyof JournalStreams, level: Level): string {
    return this.#journal[stream] ? journalPrefix(level) : '';
  }

  #writeLine(outlet: Outlet, prefix: string, line: string, importance: Importance): void {
    const hasStatus = this.#status !== '' && outlet.stream.isTTY === true;
    if (!hasStatus) {
      outlet.put(importance, () => `${prefix}${safeText(line)}\n`);
    } else if (outlet === this.#stderr) {
      outlet.put(importance, () => `${eraseStatus}${prefix}${safeText(line)}\n${this.#drawnStatus}`);
    } else {
      this.#stderr.put('latest', () => eraseStatus);
      outlet.put(importance, () => `${prefix}${safeText(line)}\n`);
      this.#stderr.put('latest', () => this.#drawnStatus);
    }
  }
}

function gapSentence(droppedCount: number): string {
  const lines = droppedCount === 1 ? '1 line was' : `${droppedCount} lines were`;
  return `${lines} dropped because the reader was too slow.`;
}

/** Resolves when nobody wants to wait any more; never, where `over` comes first. */
function impatience(interruption: AbortSignal, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (interruption.aborted) {
      const timer = setTimeout(resolve, bounds.outputGraceMs);
      over.addEventListener('abort', () => clearTimeout(timer), { once: true });
    } else {
      interruption.addEventListener('abort', () => resolve(), { once: true, signal: over });
    }
  });
}
