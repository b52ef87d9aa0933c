import { JsonLineParser } from './json-lines.ts';
import { JsonListParser } from './json-lists.ts';
import { LineParser } from './lines.ts';
import { ListProblem, type ListParser, type RangeListener } from './list-parser.ts';
import { XmlListParser } from './xml-lists.ts';

/** Chooses the format by the first character. */
export class DetectingParser implements ListParser {
  readonly #listener: RangeListener;
  readonly #eraBlockBytes: number | undefined;
  #parser: ListParser | undefined;

  constructor(listener: RangeListener, eraBlockBytes: number | undefined) {
    this.#listener = listener;
    this.#eraBlockBytes = eraBlockBytes;
  }

  get format(): string {
    return this.#parser!.format;
  }

  write(text: string): void {
    const [first] = /[^ \t\r\n]/.exec(text) ?? [];
    if (first !== undefined) this.#parser ??= this.#parserFor(first);
    this.#parser?.write(text);
  }

  end(): void {
    if (this.#parser === undefined) {
      throw new ListProblem('is empty. A program that should have written it may have failed');
    }
    this.#parser.end();
  }

  #parserFor(first: string): ListParser {
    if (first === '[') return new JsonListParser(this.#listener);
    if (first === '{') return new JsonLineParser(this.#listener);
    if (first === '<') return new XmlListParser(this.#listener, this.#eraBlockBytes);
    if (/[0-9#-]/.test(first)) return new LineParser(this.#listener);
    throw new ListProblem(
      `begins with ${JSON.stringify(first)}, and is in no known format: a list of ranges, the JSON of rbd diff or nbdinfo, thin_delta, ` +
        'era_invalidate, or lines of an offset and a length in bytes',
    );
  }
}
