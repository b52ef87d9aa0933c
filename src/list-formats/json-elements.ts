import { ListProblem } from './list-parser.ts';
import { bounds } from '../limits.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads a JSON array of objects as a stream: it finds where elements end, and hands over as many as have arrived. JavaScript's
 * own parser reads them, which is strict, and several times as fast as a streaming one.
 */
export class JsonElements {
  readonly #onElement: (element: JsonObject, number: number) => void;
  #state: 'start' | 'element' | 'first element or end' | 'comma or end' | 'end' = 'start';
  #pending = '';
  #count = 0;

  /** @param onElement takes each element, and its number from 1 on. */
  constructor(onElement: (element: JsonObject, number: number) => void) {
    this.#onElement = onElement;
  }

  write(text: string): void {
    this.#pending += text;
    for (;;) {
      const at = this.#pending.search(/[^ \t\r\n]/);
      if (at < 0) {
        this.#pending = '';
        return;
      }
      const first = this.#pending[at]!;
      if (this.#state === 'element' || (this.#state === 'first element or end' && first !== ']')) {
        if (first !== '{') throw this.#unexpected(first);
        if (!this.#takeElements(at)) return;
        this.#state = 'comma or end';
        continue;
      }
      this.#state = this.#stateBehind(first);
      this.#pending = this.#pending.slice(at + 1);
    }
  }

  /** @throws {ListProblem} where the array is not complete. */
  end(): void {
    if (this.#state !== 'end') throw new ListProblem(`ends in the middle of the list, ${this.#place()}`);
  }

  #stateBehind(character: string): 'first element or end' | 'element' | 'end' {
    if (this.#state === 'start' && character === '[') return 'first element or end';
    if (this.#state === 'comma or end' && character === ',') return 'element';
    if (this.#state !== 'start' && this.#state !== 'end' && character === ']') return 'end';
    throw this.#unexpected(character);
  }

  #unexpected(character: string): ListProblem {
    const where = this.#state === 'end' ? 'behind the end of the list' : this.#place();
    return new ListProblem(`is no list of objects in JSON: it has ${JSON.stringify(character)} ${where}`);
  }

  /** Takes the elements, with commas in between, that begin at a place and are complete. */
  #takeElements(at: number): boolean {
    const end = endOfElements(this.#pending, at);
    if (end === undefined) {
      if (this.#pending.length - at <= bounds.changeList.jsonElementCharacters) return false;
      throw new ListProblem(`has an element that is too long, ${this.#place()}`);
    }
    let elements: JsonObject[];
    try {
      elements = JSON.parse(`[${this.#pending.slice(at, end)}]`) as JsonObject[];
    } catch (cause) {
      throw new ListProblem(`is not JSON, ${this.#place()}`, { cause });
    }
    this.#pending = this.#pending.slice(end);
    for (const element of elements) this.#onElement(element, ++this.#count);
    return true;
  }

  #place(): string {
    return this.#count === 0 ? 'at its start' : `behind element ${this.#count}`;
  }
}

const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket] = Array.from(
  '"\\{}[]',
  (character) => character.charCodeAt(0),
);

/** Behind the last object of a text that is complete. Undefined where there is none. */
function endOfElements(text: string, from: number): number | undefined {
  let end: number | undefined;
  let depth = 0;
  let isInString = false;
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (isInString) {
      if (code === backslash) at++;
      else if (code === quote) isInString = false;
    } else if (code === quote) {
      isInString = true;
    } else if (code === openBrace || code === openBracket) {
      depth++;
    } else if (code === closeBrace) {
      depth--;
      if (depth === 0) end = at + 1;
    } else if (code === closeBracket) {
      // The end of the list itself.
      if (depth === 0) break;
      depth--;
    }
  }
  return end;
}
