import type { Range } from '../../device/range.ts';

/** The answer of thin_delta can't be relied on. The message is a clause. */
export class UnreadableDelta extends Error {}

/** The unit of `data_block_size`. */
const sectorBytes = 512;
/** No element is as long. */
const longestTag = 4096;

const tag = /\s*<(\/?)([a-z_]+)((?:\s+[a-z_]+="[^"<>]*")*)\s*(\/?)>/y;

/** The elements of a range, and whether the two volumes differ there. What only one of them has mapped counts as changed. */
const kinds: Readonly<Partial<Record<string, 'same' | 'changed'>>> = {
  same: 'same',
  different: 'changed',
  left_only: 'changed',
  right_only: 'changed',
};

/**
 * The ranges in which two thin volumes may differ, as thin_delta prints them (`-m`), in bytes of the volume. They may pass the
 * end of the smaller one. Only a list that was read to its end is complete.
 *
 * @param stream the output of thin_delta.
 * @throws {UnreadableDelta} where it is not complete, or has another form.
 */
export async function* thinDeltaRanges(stream: AsyncIterable<string | Uint8Array>): AsyncGenerator<Range> {
  const parser = new DeltaParser();
  for await (const part of stream) {
    yield* parser.read(typeof part === 'string' ? part : Buffer.from(part).toString('latin1'));
  }
  parser.end();
}

class DeltaParser {
  #text = '';
  #place: 'before' | 'superblock' | 'diff' | 'after diff' | 'end' = 'before';
  #blockBytes = 0;

  *read(text: string): Generator<Range> {
    this.#text += text;
    let position = 0;
    for (;;) {
      tag.lastIndex = position;
      const match = tag.exec(this.#text);
      if (match === null) break;
      position = tag.lastIndex;
      const [, slash, name, attributes, selfClosing] = match as unknown as [
        string,
        string,
        string,
        string,
        string,
      ];
      const range = this.#element(`${slash}${name}${selfClosing}`, attributes);
      if (range !== undefined) yield range;
    }
    this.#text = this.#text.slice(position);
    const rest = this.#text.trimStart();
    if (rest.length > longestTag || (rest !== '' && !rest.startsWith('<'))) {
      throw new UnreadableDelta('it has an unknown form');
    }
  }

  end(): void {
    if (this.#place !== 'end' || this.#text.trim() !== '') throw new UnreadableDelta('it is not complete');
  }

  #element(name: string, attributes: string): Range | undefined {
    switch (this.#place) {
      case 'before': {
        this.#require(name === 'superblock');
        this.#blockBytes = this.#number(attributes, 'data_block_size') * sectorBytes;
        this.#require(this.#blockBytes > 0);
        this.#place = 'superblock';
        return undefined;
      }
      case 'superblock':
        this.#require(name === 'diff');
        this.#place = 'diff';
        return undefined;
      case 'diff':
        if (name === '/diff') {
          this.#place = 'after diff';
          return undefined;
        }
        return this.#range(name, attributes);
      case 'after diff':
        this.#require(name === '/superblock');
        this.#place = 'end';
        return undefined;
      case 'end':
        throw new UnreadableDelta('it goes on after its end');
    }
  }

  #range(name: string, attributes: string): Range | undefined {
    const kind = name.endsWith('/') ? kinds[name.slice(0, -1)] : undefined;
    this.#require(kind !== undefined);
    const offsetBytes = this.#number(attributes, 'begin') * this.#blockBytes;
    const lengthBytes = this.#number(attributes, 'length') * this.#blockBytes;
    this.#require(lengthBytes > 0 && Number.isSafeInteger(offsetBytes + lengthBytes));
    return kind === 'changed' ? { offsetBytes, lengthBytes } : undefined;
  }

  #number(attributes: string, name: string): number {
    const [, digits] = new RegExp(`\\s${name}="(\\d{1,16})"`).exec(attributes) ?? [];
    this.#require(digits !== undefined);
    return Number(digits);
  }

  #require(isSo: boolean): void {
    if (!isSo) throw new UnreadableDelta('it has an unknown form');
  }
}
