import { SaxesParser } from 'saxes';
import {
  ListProblem,
  requireExactEnd,
  wholeNumber,
  type ListParser,
  type RangeListener,
} from './list-parser.ts';

const thinDelta = 'thin_delta';
const eraInvalidate = 'era_invalidate';
const sectorBytes = 512;

/** The elements of thin_delta that say what is in a range. */
const isChange: Readonly<Record<string, boolean>> = {
  different: true,
  left_only: true,
  right_only: true,
  same: false,
};

type Attributes = Readonly<Record<string, string>>;

/**
 * The XML that `thin_delta` or `era_invalidate` prints. Without any range in it, nothing has changed.
 *
 * - `thin_delta`: `<superblock data_block_size="sectors"><diff>`, and in it `<different begin="block" length="blocks"/>`, or,
 *   with `--verbose`, `<different>` with `<range begin length/>` in it. The same with `left_only`, `right_only` and `same`.
 * - `era_invalidate`: `<blocks>`, and in it `<range begin="block" end="block"/>` and `<block block="block"/>`.
 */
export class XmlListParser implements ListParser {
  readonly #listener: RangeListener;
  readonly #eraBlockBytes: number | undefined;
  readonly #parser = new SaxesParser();
  #format: typeof thinDelta | typeof eraInvalidate | undefined;
  #blockBytes = 0;
  #hasDiff = false;
  readonly #open: string[] = [];

  /** @param eraBlockBytes the block of dm-era, which its list does not name. */
  constructor(listener: RangeListener, eraBlockBytes: number | undefined) {
    this.#listener = listener;
    this.#eraBlockBytes = eraBlockBytes;
    this.#parser.on('opentag', ({ name, attributes }) => {
      this.#element(name, attributes);
      this.#open.push(name);
    });
    this.#parser.on('closetag', () => this.#open.pop());
    this.#parser.on('text', (text) => {
      if (/\S/.test(text)) throw new ListProblem(`has text ${this.#place()}, where an element is expected`);
    });
    this.#parser.on('error', (cause) => {
      throw new ListProblem(`is not complete XML: ${cause.message}`, { cause });
    });
  }

  get format(): string {
    return this.#format ?? 'XML';
  }

  write(text: string): void {
    this.#parser.write(text);
  }

  end(): void {
    this.#parser.close();
    if (this.#format === thinDelta && !this.#hasDiff) throw new ListProblem('has no element "diff"');
  }

  #element(name: string, attributes: Attributes): void {
    const path = [...this.#open, name].join(' ');
    switch (path) {
      case 'superblock':
        this.#format = thinDelta;
        this.#blockBytes = this.#sectors(attributes.data_block_size) * sectorBytes;
        return;
      case 'superblock diff':
        this.#hasDiff = true;
        return;
      case 'blocks':
        this.#format = eraInvalidate;
        this.#blockBytes = this.#eraBlock();
        return;
      case 'blocks range': {
        const begin = this.#number(attributes, 'begin');
        this.#blocks(begin, this.#number(attributes, 'end') - begin, true);
        return;
      }
      case 'blocks block':
        this.#blocks(this.#number(attributes, 'block'), 1, true);
        return;
      default:
        this.#delta(name, attributes);
    }
  }

  #delta(name: string, attributes: Attributes): void {
    const [, parent, section = ''] = [...this.#open, ''];
    const isInDiff = this.#format === thinDelta && parent === 'diff';
    const isRange = isInDiff && this.#open.length === 3 && name === 'range';
    const kind = isRange ? section : name;
    if (!isInDiff || (!isRange && this.#open.length !== 2) || isChange[kind] === undefined) {
      throw new ListProblem(`has an unknown element "${name}" ${this.#place()}`);
    }
    // With --verbose, the element is around its ranges.
    if (!isRange && Object.keys(attributes).length === 0) return;
    this.#blocks(this.#number(attributes, 'begin'), this.#number(attributes, 'length'), isChange[kind]);
  }

  #blocks(first: number, count: number, hasChanged: boolean): void {
    if (count < 0) throw new ListProblem(`has a range ${this.#place()} that ends before it begins`);
    requireExactEnd((first + count) * this.#blockBytes, () => this.#place());
    const [offsetBytes, lengthBytes] = [first * this.#blockBytes, count * this.#blockBytes];
    // What neither volume has mapped is the same as well, and is not in the list.
    if (hasChanged) this.#listener.changed(offsetBytes, lengthBytes);
  }

  #number(attributes: Attributes, name: string): number {
    return wholeNumber(attributes[name], `the ${name}`, () => this.#place());
  }

  #sectors(text: string | undefined): number {
    const sectors = wholeNumber(text, 'the data_block_size', () => this.#place());
    if (sectors === 0) throw new ListProblem('has a data_block_size of 0');
    return sectors;
  }

  #eraBlock(): number {
    if (this.#eraBlockBytes !== undefined) return this.#eraBlockBytes;
    throw new ListProblem('counts in blocks of dm-era, and does not say how large they are', {
      remedy: 'changed-block-size',
    });
  }

  #place(): string {
    return `in line ${this.#parser.line}`;
  }
}
