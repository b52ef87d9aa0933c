import { fdatasync } from 'node:fs';
import { promisify } from 'node:util';
import { assert } from '../errors.ts';
import { bounds } from '../limits.ts';
import { inFileLater, type FilePlace } from './file-errors.ts';
import { readAt, writeAt } from './file-io.ts';
import { pageBytes, pageOffsetBytes } from './layout.ts';
import { emptyPage, seal, unseal, type PageContext, type PageState } from './page.ts';

const syncFile = promisify(fdatasync);

interface CachedPage {
  readonly page: Buffer;
  isModified: boolean;
}

/** Reads and writes the pages of a state file. It keeps a bounded number of them in memory. */
export class PageStore {
  readonly #place: FilePlace;
  readonly #fd: number;
  /** In the order of their last use. */
  readonly #cache = new Map<number, CachedPage>();
  #context: PageContext;

  constructor(place: FilePlace, fd: number, context: PageContext) {
    this.#place = place;
    this.#fd = fd;
    this.#context = context;
  }

  /** Discards everything that the pages hold: those of earlier generations are empty. */
  startGeneration(generation: number): void {
    this.#cache.clear();
    this.#context = { ...this.#context, generation };
  }

  /** The page as it is now. A damaged page is empty: {@link examine} reports it. */
  get(pageNumber: number): Buffer {
    return this.#cached(pageNumber).page;
  }

  /** A page that the caller changes. It is written later, at the latest by {@link write}. */
  change(pageNumber: number): Buffer {
    const cached = this.#cached(pageNumber);
    cached.isModified = true;
    return cached.page;
  }

  /** Writes the modified pages that `isWanted` accepts. They are durable after {@link sync}. */
  write(isWanted: (pageNumber: number) => boolean = () => true): void {
    for (const [pageNumber, cached] of this.#cache) {
      if (cached.isModified && isWanted(pageNumber)) this.#writePage(pageNumber, cached);
    }
  }

  /** @throws {BasynError} `device`, if what was written is not durable. */
  async sync(): Promise<void> {
    await inFileLater(this.#place, 'flushed', () => syncFile(this.#fd));
  }

  /**
   * Reads all pages, in large pieces, past the cache.
   *
   * @param onPage takes each page that is not empty. The memory is reused.
   */
  async examine(
    pageCount: number,
    onPage: (pageNumber: number, page: Buffer, state: PageState) => void,
  ): Promise<void> {
    const pagesAtOnce = bounds.stateFileReadBytes / pageBytes;
    const piece = Buffer.alloc(bounds.stateFileReadBytes);
    for (let first = 0; first < pageCount; first += pagesAtOnce) {
      const count = Math.min(pagesAtOnce, pageCount - first);
      piece.fill(0);
      readAt(this.#place, this.#fd, piece.subarray(0, count * pageBytes), pageOffsetBytes(first));
      for (let index = 0; index < count; index++) {
        const page = piece.subarray(index * pageBytes, (index + 1) * pageBytes);
        const state = unseal(page, first + index, this.#context);
        if (state !== 'empty') onPage(first + index, page, state);
      }
      // Signals and other events have their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #cached(pageNumber: number): CachedPage {
    let cached = this.#cache.get(pageNumber);
    if (cached === undefined) {
      const page = emptyPage();
      readAt(this.#place, this.#fd, page, pageOffsetBytes(pageNumber));
      unseal(page, pageNumber, this.#context);
      cached = { page, isModified: false };
    } else {
      this.#cache.delete(pageNumber);
    }
    this.#cache.set(pageNumber, cached);
    if (this.#cache.size > bounds.stateFilePages) this.#dropOldest();
    return cached;
  }

  #dropOldest(): void {
    const [oldest] = this.#cache;
    assert(oldest !== undefined, 'the cache of pages is empty');
    const [pageNumber, cached] = oldest;
    if (cached.isModified) this.#writePage(pageNumber, cached);
    this.#cache.delete(pageNumber);
  }

  #writePage(pageNumber: number, cached: CachedPage): void {
    seal(cached.page, pageNumber, this.#context);
    writeAt(this.#place, this.#fd, cached.page, pageOffsetBytes(pageNumber));
    cached.isModified = false;
  }
}
