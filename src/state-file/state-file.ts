import { closeSync } from 'node:fs';
import { digestBytesOf } from '../digest/hash.ts';
import { bounds } from '../limits.ts';
import { BufferSet } from './buffer-set.ts';
import { fileError, inFile, type FilePlace } from './file-errors.ts';
import type { Header } from './header.ts';
import { writeHeader } from './header-slots.ts';
import { digestPlaceOf, isMarkPage, layoutOf, markPlaceOf, pageCountOf, type Layout } from './layout.ts';
import { bodyOf } from './page.ts';
import { PageStore } from './page-store.ts';

/** The fields of the header that a run decides about. */
export type Ending = Pick<Header, 'target' | 'scrubBuffer' | 'base'>;

/**
 * An open state file: the digests of the target's buffers, and marks of those that may have changed.
 *
 * These orders make it correct after a crash at any moment:
 *
 * 1. The header is `open` and a buffer is marked, both durable, before data for the buffer is sent ({@link willChange}).
 * 2. New digests are durable before the marks of their buffers are removed, and the target has flushed before that
 *    ({@link commit}).
 * 3. The header is `clean` when all of this is durable ({@link finish}).
 *
 * The digest of a marked buffer does not count, so it may be written at any time.
 */
export class StateFile {
  readonly #place: FilePlace;
  readonly #fd: number;
  readonly #layout: Layout;
  readonly #store: PageStore;
  #header: Header;
  /** Buffers whose digest is that of the target. */
  #known: BufferSet;
  /** Buffers whose digest was learned in this run, and is not committed yet. */
  #learned: BufferSet;
  /** Buffers that were announced in this run. */
  #changed: BufferSet;
  #hasUnsyncedMarks = false;
  #round: Promise<void> | undefined;
  #nextRound: Promise<void> | undefined;

  constructor(place: FilePlace, fd: number, header: Header) {
    this.#place = place;
    this.#fd = fd;
    this.#header = header;
    this.#layout = layoutOf(digestBytesOf[header.hash]);
    const fileId = Buffer.from(header.fileId, 'hex');
    this.#store = new PageStore(place, fd, { fileId, generation: header.generation });
    const bufferCount = countBuffers(place, header);
    this.#known = new BufferSet(bufferCount);
    this.#learned = new BufferSet(bufferCount);
    this.#changed = new BufferSet(bufferCount);
  }

  get path(): string {
    return this.#place.path;
  }

  get header(): Header {
    return this.#header;
  }

  /** The number of buffers that the file describes. */
  get bufferCount(): number {
    return this.#known.bufferCount;
  }

  /**
   * Reads the whole file, and finds out which buffers are known.
   *
   * @returns the number of damaged pages. Their buffers are unknown.
   */
  async examine(): Promise<number> {
    let damagedPages = 0;
    const unmarked = new BufferSet(this.bufferCount);
    unmarked.addAll();
    await this.#store.examine(pageCountOf(this.#layout, this.#header), (pageNumber, page, state) => {
      if (state === 'damaged') damagedPages++;
      if (!isMarkPage(this.#layout, pageNumber)) this.#addDigests(pageNumber, bodyOf(page));
      else if (state === 'damaged') this.#forEachBuffer(pageNumber, (index) => unmarked.delete(index));
      else this.#removeMarked(pageNumber, bodyOf(page), unmarked);
    });
    this.#known.retain(unmarked);
    return damagedPages;
  }

  /** The digest of a buffer of the target. Undefined where it is not known. */
  digestOf(index: number): Uint8Array | undefined {
    if (index >= this.bufferCount || !this.#known.has(index)) return undefined;
    const { page, position } = digestPlaceOf(this.#layout, index);
    return Uint8Array.from(
      bodyOf(this.#store.get(page)).subarray(position, position + this.#layout.digestBytes),
    );
  }

  isKnown(index: number): boolean {
    return index < this.bufferCount && this.#known.has(index);
  }

  /**
   * The target's contents of these buffers may change from now on. When it resolves, a later run knows that, whatever
   * happens.
   */
  async willChange(firstBuffer: number, bufferCount: number): Promise<void> {
    for (let index = firstBuffer; index < firstBuffer + bufferCount; index++) {
      if (this.#changed.has(index)) continue;
      this.#changed.add(index);
      this.#learned.delete(index);
      this.#known.delete(index);
      const { page, byte, bit } = this.#markOf(index);
      if ((bodyOf(this.#store.get(page))[byte]! & bit) !== 0) continue;
      bodyOf(this.#store.change(page))[byte]! |= bit;
      this.#hasUnsyncedMarks = true;
    }
    if (this.#hasUnsyncedMarks) await this.#syncMarks();
    else await this.#round;
  }

  /** What a buffer of the target contains when it has flushed. */
  learn(index: number, digest: Uint8Array): void {
    const { page, position } = digestPlaceOf(this.#layout, index);
    const isNew =
      Buffer.compare(
        bodyOf(this.#store.get(page)).subarray(position, position + digest.byteLength),
        digest,
      ) !== 0;
    if (this.#known.has(index) && !isNew) return;
    if (isNew) bodyOf(this.#store.change(page)).set(digest, position);
    this.#learned.add(index);
  }

  /** What was learned about buffers that were announced does not count. */
  forget(firstBuffer: number, bufferCount: number): void {
    for (let index = firstBuffer; index < firstBuffer + bufferCount; index++) this.#learned.delete(index);
  }

  /**
   * The target has flushed: what was learned counts.
   *
   * @param what whether that includes the buffers that have changed since the file was opened.
   */
  async commit(what: 'everything' | 'what was found equal'): Promise<void> {
    // A buffer that is not marked is equal to the base, if nothing has changed since then. That is about to end.
    if (this.#header.base !== null) await this.#writeHeader({ ...this.#header, base: null });
    this.#store.write();
    await this.#store.sync();
    for (const { firstBuffer, bufferCount } of this.#learned.runs()) {
      for (let index = firstBuffer; index < firstBuffer + bufferCount; index++) {
        if (what === 'everything' || !this.#changed.has(index)) this.#unmark(index);
      }
    }
    this.#learned.clear();
    this.#changed.clear();
    this.#store.write();
    await this.#store.sync();
  }

  /** The run has ended well. Everything else is committed. */
  async finish(ending: Ending): Promise<void> {
    await this.#writeHeader({ ...this.#header, ...ending, state: 'clean' });
  }

  /** Discards all digests. Those to come describe another target, or are made in another way. */
  async startAnew(fields: Pick<Header, 'sizeBytes' | 'target'>): Promise<void> {
    const generation = this.#header.generation + 1;
    const bufferCount = countBuffers(this.#place, { ...this.#header, ...fields });
    await this.#writeHeader({
      ...this.#header,
      ...fields,
      state: 'open',
      generation,
      scrubBuffer: 0,
      base: null,
    });
    this.#store.startGeneration(generation);
    this.#known = new BufferSet(bufferCount);
    this.#learned = new BufferSet(bufferCount);
    this.#changed = new BufferSet(bufferCount);
  }

  /** The device has another size. Buffers that did not exist, or were cut, are unknown. */
  async resize(sizeBytes: number): Promise<void> {
    const { sizeBytes: oldBytes, bufferBytes } = this.#header;
    const header = { ...this.#header, sizeBytes };
    const bufferCount = countBuffers(this.#place, header);
    const firstUnknown = Math.floor(Math.min(oldBytes, sizeBytes) / bufferBytes);
    this.#known = this.#known.resized(bufferCount);
    this.#learned = new BufferSet(bufferCount);
    this.#changed = new BufferSet(bufferCount);
    await this.willChange(firstUnknown, bufferCount - firstUnknown);
    await this.#writeHeader({ ...header, state: 'open' });
  }

  /** The next header that is written names this target. */
  describe(target: NonNullable<Header['target']>): void {
    this.#header = { ...this.#header, target };
  }

  /** Releases the lock. What was not committed is marked. */
  close(): void {
    inFile(this.#place, 'closed', () => closeSync(this.#fd));
  }

  async #syncMarks(): Promise<void> {
    this.#nextRound ??= this.#runRound(this.#round);
    await this.#nextRound;
  }

  /** One flush serves all buffers that were marked while the one before was under way. */
  async #runRound(before: Promise<void> | undefined): Promise<void> {
    await before;
    this.#round = this.#nextRound;
    this.#nextRound = undefined;
    this.#hasUnsyncedMarks = false;
    if (this.#header.state === 'clean') await this.#writeHeader({ ...this.#header, state: 'open' });
    this.#store.write((pageNumber) => isMarkPage(this.#layout, pageNumber));
    await this.#store.sync();
    this.#round = undefined;
  }

  async #writeHeader(header: Header): Promise<void> {
    const next = { ...header, sequence: this.#header.sequence + 1 };
    writeHeader(this.#place, this.#fd, next);
    await this.#store.sync();
    this.#header = next;
  }

  #unmark(index: number): void {
    const { page, byte, bit } = this.#markOf(index);
    if ((bodyOf(this.#store.get(page))[byte]! & bit) !== 0) bodyOf(this.#store.change(page))[byte]! &= ~bit;
    this.#known.add(index);
  }

  #markOf(index: number): { readonly page: number; readonly byte: number; readonly bit: number } {
    const { page, position } = markPlaceOf(this.#layout, index);
    return { page, byte: Math.floor(position / 8), bit: 1 << (position % 8) };
  }

  #addDigests(pageNumber: number, body: Buffer): void {
    const { digestBytes } = this.#layout;
    this.#forEachBuffer(pageNumber, (index, order) => {
      const digest = body.subarray(order * digestBytes, (order + 1) * digestBytes);
      // Nothing was learned about the others.
      if (digest.some((byte) => byte !== 0)) this.#known.add(index);
    });
  }

  #removeMarked(pageNumber: number, body: Buffer, unmarked: BufferSet): void {
    this.#forEachBuffer(pageNumber, (index, order) => {
      if ((body[order >>> 3]! & (1 << (order & 7))) !== 0) unmarked.delete(index);
    });
  }

  #forEachBuffer(pageNumber: number, use: (index: number, order: number) => void): void {
    const { digestPagesPerGroup, buffersPerGroup, digestsPerPage } = this.#layout;
    const group = Math.floor(pageNumber / (1 + digestPagesPerGroup));
    const pageInGroup = pageNumber % (1 + digestPagesPerGroup);
    const isMarks = pageInGroup === 0;
    const first = group * buffersPerGroup + (isMarks ? 0 : (pageInGroup - 1) * digestsPerPage);
    const count = isMarks ? buffersPerGroup : digestsPerPage;
    const end = Math.min(first + count, this.bufferCount);
    for (let index = first; index < end; index++) use(index, index - first);
  }
}

/** @throws {BasynError} `refused`, where the file would describe too many buffers. */
function countBuffers(
  place: FilePlace,
  { sizeBytes, bufferBytes }: Pick<Header, 'sizeBytes' | 'bufferBytes'>,
): number {
  const count = Math.ceil(sizeBytes / bufferBytes);
  if (count <= bounds.stateFileBuffers) return count;
  throw fileError(
    'refused',
    place,
    `would describe ${count} buffers, more than ${bounds.stateFileBuffers}: use a larger buffer.`,
  );
}
