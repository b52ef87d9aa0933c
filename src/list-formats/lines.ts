import { LineSplitter } from './line-splitter.ts';
import {
  ListProblem,
  requireExactEnd,
  wholeNumber,
  type ListParser,
  type RangeListener,
} from './list-parser.ts';

/**
 * Lines of an offset and a length in bytes, both decimal. A line that is blank or begins with `#` is skipped. Each line ends
 * with a newline: without it, the last number may have been cut off. `0 0` says that nothing has changed.
 */
export class LineParser implements ListParser {
  readonly format = 'lines of an offset and a length';
  readonly #listener: RangeListener;
  readonly #lines = new LineSplitter((line, number) => this.#line(line, number));
  #hasRange = false;

  constructor(listener: RangeListener) {
    this.#listener = listener;
  }

  write(text: string): void {
    this.#lines.write(text);
  }

  end(): void {
    if (this.#lines.rest !== '') {
      throw new ListProblem(
        `does not end with a newline: line ${this.#lines.restNumber} may have been cut off`,
      );
    }
    if (!this.#hasRange) {
      throw new ListProblem('has no range. A list that says that nothing has changed has the line "0 0"');
    }
  }

  #line(line: string, number: number): void {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) return;
    const place = (): string => `in line ${number}`;
    const words = text.split(/[ \t]+/);
    if (words.length !== 2) {
      throw new ListProblem(`has ${words.length} words ${place()} in place of an offset and a length`);
    }
    const offsetBytes = wholeNumber(words[0], 'the offset', place);
    const lengthBytes = wholeNumber(words[1], 'the length', place);
    requireExactEnd(offsetBytes + lengthBytes, place);
    this.#hasRange ||= lengthBytes > 0 || offsetBytes === 0;
    this.#listener.changed(offsetBytes, lengthBytes);
  }
}
