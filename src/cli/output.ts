import { safeText } from './terminal.ts';

/** What is used of `process.stdout` and `process.stderr`. */
export interface TextStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string, done?: () => void): unknown;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
}

/** Read only when something is written: Node takes a millisecond to open each of them. */
export interface Streams {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
}

const eraseLine = '\r\x1b[K';

/**
 * Writes lines to stdout and stderr, around a status line that stays the last one of the terminal. Every
 * line is made safe here, so that nothing which came from elsewhere reaches a terminal as a command.
 */
export class Output {
  readonly #streams: Streams;
  readonly #opened = new Set<TextStream>();
  #status = '';
  #stdoutError: NodeJS.ErrnoException | undefined;

  constructor(streams: Streams) {
    this.#streams = streams;
  }

  /** A line of what the person asked for, to stdout. */
  print(line: string): void {
    this.#writeLine(this.#open(this.#streams.stdout), line);
  }

  /** A line about what the person should know besides, to stderr. */
  notice(line: string): void {
    this.#writeLine(this.#open(this.#streams.stderr), line);
  }

  /** Draws the status line on stderr, which must be a terminal; the empty text removes it. */
  showStatus(text: string): void {
    if (text === this.#status) return;
    this.#status = text;
    this.#open(this.#streams.stderr).write(eraseLine + text);
  }

  /** Width of the terminal behind stderr, or undefined where it is none. */
  get terminalColumns(): number | undefined {
    const { isTTY, columns = 0 } = this.#streams.stderr;
    if (isTTY !== true) return undefined;
    // Some terminals, such as a container's, don't know their size, and say 0.
    return columns > 0 ? columns : 80;
  }

  /** Waits until all is written, and returns what went wrong with stdout. */
  async flush(): Promise<NodeJS.ErrnoException | undefined> {
    for (const stream of this.#opened) {
      await new Promise<void>((resolve) => stream.write('', () => resolve()));
    }
    return this.#stdoutError;
  }

  #writeLine(stream: TextStream, line: string): void {
    const aroundStatus = this.#status !== '' && stream.isTTY === true;
    if (aroundStatus) this.#streams.stderr.write(eraseLine);
    stream.write(`${safeText(line)}\n`);
    if (aroundStatus) this.#streams.stderr.write(this.#status);
  }

  #open(stream: TextStream): TextStream {
    if (this.#opened.has(stream)) return stream;
    this.#opened.add(stream);
    stream.on('error', (error) => {
      // A reader that has seen enough (`| head`) is no failure, and for stderr there is nobody to tell.
      if (stream === this.#streams.stdout && error.code !== 'EPIPE') this.#stdoutError ??= error;
    });
    return stream;
  }
}
