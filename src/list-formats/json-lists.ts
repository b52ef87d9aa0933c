import { JsonElements, type JsonObject } from './json-elements.ts';
import {
  ListProblem,
  requireExactEnd,
  wholeNumber,
  type ListParser,
  type RangeListener,
} from './list-parser.ts';

const rbd = 'rbd diff, in JSON';
const nbdinfo = 'nbdinfo of a dirty bitmap, in JSON';

/**
 * The array that `rbd diff --format json` or `nbdinfo --map=qemu:dirty-bitmap:NAME --json` prints. An empty array says that
 * nothing has changed.
 */
export class JsonListParser implements ListParser {
  readonly #listener: RangeListener;
  readonly #elements = new JsonElements((element, number) => this.#element(element, number));
  #format: typeof rbd | typeof nbdinfo | undefined;

  constructor(listener: RangeListener) {
    this.#listener = listener;
  }

  get format(): string {
    return this.#format ?? 'a JSON array';
  }

  write(text: string): void {
    this.#elements.write(text);
  }

  end(): void {
    this.#elements.end();
  }

  #element(fields: JsonObject, number: number): void {
    const place = (): string => `in element ${number}`;
    const isChanged = this.#isChanged(fields, place);
    const offsetBytes = wholeNumber(fields.offset, 'the offset', place);
    const lengthBytes = wholeNumber(fields.length, 'the length', place);
    if (typeof fields.offset !== 'number' || typeof fields.length !== 'number') {
      throw new ListProblem(`has a number ${place()} that is a text`);
    }
    requireExactEnd(offsetBytes + lengthBytes, place);
    if (isChanged) this.#listener.changed(offsetBytes, lengthBytes);
    else this.#listener.unchanged(offsetBytes, lengthBytes);
  }

  #isChanged(fields: JsonObject, place: () => string): boolean {
    if ('data' in fields || 'present' in fields) {
      throw new ListProblem(
        'is a map that qemu-img printed, in which dirty ranges look like holes. Export the bitmap with ' +
          'qemu-nbd, and take the output of nbdinfo',
      );
    }
    const format = 'exists' in fields ? rbd : 'type' in fields ? nbdinfo : undefined;
    if (format === undefined || (this.#format ??= format) !== format) {
      throw new ListProblem(`is neither ${rbd} nor ${nbdinfo}, ${place()}`);
    }
    return format === rbd ? isListed(fields, place) : isDirty(fields, place);
  }
}

/** Ranges that exist no more are changes, too. */
function isListed({ exists }: JsonObject, place: () => string): boolean {
  if (typeof exists === 'boolean' || exists === 'true' || exists === 'false') return true;
  throw new ListProblem(`has an "exists" ${place()} that is neither true nor false`);
}

/** Other maps that nbdinfo prints have the same form. Only the description tells them apart. */
function isDirty({ type, description }: JsonObject, place: () => string): boolean {
  if (type === 1 && description === 'dirty') return true;
  if (type === 0 && description === 'clean') return false;
  throw new ListProblem(`is not the map of a dirty bitmap: ${place()}, the type is neither clean nor dirty`);
}
