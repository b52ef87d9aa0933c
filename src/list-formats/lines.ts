import {
  ListProblem,
  requireExactEnd,
  wholeNumber,
  type ListParser,
  type RangeListener,
} from './list-parser.ts';

/** No line of two numbers and a comment needs more. */
const longestLine = 4096;

/**
 * Lines of an offset and a length in bytes, both decimal. A line that is blank or begins with `#` is skipped. Each line ends
 * with a newline: without it, the last number may have been cut off. `0 0` says that nothing has changed.
 */
export class LineParser implements ListParser {
  readonly format = 'lines of an offset and a length';
  readonly #listener: RangeListener;
  #pending = '';
  #lineNumber = 0;
  #hasRange = false;

  constructor(listener: RangeListener) {
    this.#listener = listener;
  }

  write(text: string): void {
    const lines = (this.#pending + text).split('\n');
    this.#pending = lines.pop()!;
    for (const line of lines) this.#line(line);
    if (this.#pending.length > longestLine) {
      throw new ListProblem(`has a line ${this.#lineNumber + 1} of more than ${longestLine} characters`);
    }
  }

  end(): void {
    if (this.#pending !== '') {
      throw new ListProblem(
        `does not end with a newline: line ${this.#lineNumber + 1} may have been cut off`,
      );
    }
    if (!this.#hasRange) {
      throw new ListProblem('has no range. A list that says that nothing has changed has the line "0 0"');
    }
  }

  #line(line: string): void {
    this.#lineNumber++;
    const text = line.trim();
    if (text === '' || text.startsWith('#')) return;
    const place = (): string => `in line ${this.#lineNumber}`;
    const words = text.split(/[ \t]+/);
    if (words.length !== 2) {
      throw new ListProblem(`has ${words.length} words ${place()} in place of an offset and a length`);
    }
    const offsetBytes = wholeNumber(words[0], 'the offset', place);
    const lengthBytes = wholeNumber(words[1], 'the length', place);
    requireExactEnd(offsetBytes + lengthBytes, place);
    this.#hasRange = true;
    this.#listener.changed(offsetBytes, lengthBytes);
  }
}
