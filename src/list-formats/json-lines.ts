import type { JsonObject } from './json-elements.ts';
import { LineSplitter } from './line-splitter.ts';
import {
  ListProblem,
  requireExactEnd,
  wholeNumber,
  type ListParser,
  type RangeListener,
} from './list-parser.ts';

/**
 * The list of ranges that a run of Basyn makes: JSON lines with an `offset` and a `length` in bytes, and a last line with the
 * number of `ranges` and their `bytes`, without which a list that was cut off would look complete.
 */
export class JsonLineParser implements ListParser {
  readonly format = "Basyn's list of ranges";
  readonly #listener: RangeListener;
  readonly #lines = new LineSplitter((line, number) => this.#line(line, number));
  #rangeCount = 0;
  #bytes = 0;
  #hasEnded = false;

  constructor(listener: RangeListener) {
    this.#listener = listener;
  }

  write(text: string): void {
    this.#lines.write(text);
  }

  end(): void {
    const rest = this.#lines.rest.trim();
    // A line that was cut off has no brace at its end.
    if (rest.endsWith('}')) this.#line(rest, this.#lines.restNumber);
    if (this.#hasEnded && (rest === '' || rest.endsWith('}'))) return;
    throw new ListProblem('is cut off: its last line, with the number of ranges and bytes, is missing');
  }

  #line(line: string, number: number): void {
    const place = (): string => `in line ${number}`;
    if (this.#hasEnded) throw new ListProblem(`goes on behind its end ${place()}`);
    const fields = objectIn(line, place);
    if ('ranges' in fields) {
      this.#requireEnd(fields);
      return;
    }
    const offsetBytes = wholeNumber(fields.offset, 'the offset', place);
    const lengthBytes = wholeNumber(fields.length, 'the length', place);
    requireExactEnd(offsetBytes + lengthBytes, place);
    this.#rangeCount++;
    this.#bytes += lengthBytes;
    this.#listener.changed(offsetBytes, lengthBytes);
  }

  #requireEnd({ ranges, bytes }: JsonObject): void {
    this.#hasEnded = true;
    if (ranges === this.#rangeCount && bytes === this.#bytes) return;
    throw new ListProblem(
      `has ${this.#rangeCount} ranges of ${this.#bytes} bytes, and ends with other numbers: a part of it is missing`,
    );
  }
}

function objectIn(line: string, place: () => string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new ListProblem(`is not JSON ${place()}`, { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new ListProblem(`has no object ${place()}`);
}
