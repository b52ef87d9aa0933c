import { SaxesParser } from 'saxes';
import {
  ListProblem,
  requireExactEnd,
  wholeNumber,
  type ListParser,
  type RangeListener,
} from './list-parser.ts';
import { bounds } from '../limits.ts';

const thinDelta = 'thin_delta';
const eraInvalidate = 'era_invalidate';
const sectorBytes = 512;

/** The elements of thin_delta that say what is in a range. */
const isChange = { different: true, left_only: true, right_only: true, same: false } as const;
type DeltaElement = keyof typeof isChange;

/** The smallest block of a thin pool, of which its blocks are multiples. */
const thinBlockSectors = 128;

/** What a list of thin_delta says about itself, besides its ranges. */
export interface DeltaSummary {
  readonly blockBytes: number;
  /** The ids of both volumes. Undefined where the list does not name them. */
  readonly leftId: string | undefined;
  readonly rightId: string | undefined;
  /** The number of blocks in each kind of range. */
  readonly blocks: Readonly<Record<DeltaElement, number>>;
}

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
  /** Characters that belong to nothing complete yet, at most. */
  #pendingCharacters = 0;
  #diff: Attributes | undefined;
  readonly #deltaBlocks: Record<DeltaElement, number> = {
    different: 0,
    left_only: 0,
    right_only: 0,
    same: 0,
  };
  readonly #open: string[] = [];

  /** @param eraBlockBytes the block of dm-era, which its list does not name. */
  constructor(listener: RangeListener, eraBlockBytes: number | undefined) {
    this.#listener = listener;
    this.#eraBlockBytes = eraBlockBytes;
    this.#parser.on('opentag', ({ name, attributes }) => {
      this.#pendingCharacters = 0;
      this.#element(name, attributes);
      this.#open.push(name);
    });
    this.#parser.on('closetag', () => {
      this.#pendingCharacters = 0;
      this.#open.pop();
    });
    this.#parser.on('comment', () => (this.#pendingCharacters = 0));
    this.#parser.on('text', (text) => {
      if (/\S/.test(text)) throw new ListProblem(`has text ${this.#place()}, where an element is expected`);
    });
    this.#parser.on('error', (cause) => {
      throw new ListProblem(`is not complete XML: ${cause.message.replace(/\.$/, '')}`, { cause });
    });
  }

  get format(): string {
    return this.#format ?? 'XML';
  }

  /** Undefined for another format, and before the list has ended. */
  get delta(): DeltaSummary | undefined {
    if (this.#diff === undefined) return undefined;
    const { left, right } = this.#diff;
    return { blockBytes: this.#blockBytes, leftId: left, rightId: right, blocks: this.#deltaBlocks };
  }

  write(text: string): void {
    this.#pendingCharacters += text.length;
    this.#parser.write(text);
    if (this.#pendingCharacters > bounds.changeList.xmlPartCharacters) {
      throw new ListProblem(
        `has more than ${bounds.changeList.xmlPartCharacters} characters without a complete element ${this.#place()}`,
      );
    }
  }

  end(): void {
    this.#parser.close();
    if (this.#format === thinDelta && this.#diff === undefined)
      throw new ListProblem('has no element "diff"');
  }

  #element(name: string, attributes: Attributes): void {
    const path = [...this.#open, name].join(' ');
    switch (path) {
      case 'superblock':
        this.#format = thinDelta;
        this.#blockBytes = this.#sectors(attributes.data_block_size) * sectorBytes;
        return;
      case 'superblock diff':
        this.#diff = attributes;
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
    if (!isInDiff || (!isRange && this.#open.length !== 2) || !isDeltaElement(kind)) {
      throw new ListProblem(`has an unknown element "${name}" ${this.#place()}`);
    }
    // With --verbose, the element is around its ranges.
    if (!isRange && Object.keys(attributes).length === 0) return;
    const length = this.#number(attributes, 'length');
    if (length === 0) throw new ListProblem(`has a range of no blocks ${this.#place()}`);
    this.#deltaBlocks[kind] += length;
    this.#blocks(this.#number(attributes, 'begin'), length, isChange[kind]);
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
    if (sectors > 0 && sectors % thinBlockSectors === 0) return sectors;
    throw new ListProblem(
      `has a data_block_size of ${sectors} sectors, and that of a thin pool is a multiple of ${thinBlockSectors}`,
    );
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

function isDeltaElement(name: string): name is DeltaElement {
  return Object.hasOwn(isChange, name);
}
