import { ListProblem } from './list-parser.ts';
import { bounds } from '../limits.ts';

/** Cuts a text that arrives in parts into its lines. */
export class LineSplitter {
  readonly #onLine: (line: string, number: number) => void;
  #rest = '';
  #count = 0;

  /** @param onLine takes each line without its newline, and its number from 1 on. */
  constructor(onLine: (line: string, number: number) => void) {
    this.#onLine = onLine;
  }

  /** What follows the last newline so far. */
  get rest(): string {
    return this.#rest;
  }

  /** The number of the line that {@link rest} begins. */
  get restNumber(): number {
    return this.#count + 1;
  }

  /** @throws {ListProblem} where a line is too long. */
  write(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) this.#onLine(line, ++this.#count);
    if (this.#rest.length > bounds.changeList.lineCharacters) {
      throw new ListProblem(
        `has a line ${this.restNumber} of more than ${bounds.changeList.lineCharacters} characters`,
      );
    }
  }
}
