import { bounds } from '../limits.ts';

/** What is used of a stream. */
export interface TextStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** `done` is called when the text was written, or could not be. There is one write at a time. */
  write(text: string, done: () => void): unknown;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
}

/**
 * What happens to a text whose reader is too slow: it is kept; it is dropped and counted; or it gives way to the next
 * text of its kind.
 */
export type Importance = 'kept' | 'droppable' | 'latest';

interface QueuedText {
  readonly importance: Importance;
  readonly text: string;
}

/** Stands in the queue where texts were dropped. */
interface Gap {
  readonly importance: 'gap';
  droppedCount: number;
}

/**
 * Texts on their way to a stream: one write at a time, and a queue behind it, which does not grow beyond
 * `bounds.queuedOutputCharacters` by what may be dropped. A writer never waits.
 */
export class Outlet {
  readonly #open: () => TextStream;
  readonly #gapText: (droppedCount: number) => string;
  #queue: (QueuedText | Gap)[] = [];
  #queuedCharacters = 0;
  #gap: Gap | undefined;
  #stream: TextStream | undefined;
  #isWriting = false;
  #isPumping = false;
  #onIdle: (() => void)[] = [];
  #error: NodeJS.ErrnoException | undefined;

  /** @param gapText what is written in place of texts that were dropped. */
  constructor(open: () => TextStream, gapText: (droppedCount: number) => string) {
    this.#open = open;
    this.#gapText = gapText;
  }

  /** The stream, which is opened only when it is needed: Node takes a millisecond to open each of them. */
  get stream(): TextStream {
    if (this.#stream !== undefined) return this.#stream;
    this.#stream = this.#open();
    this.#stream.on('error', (error) => {
      this.#error ??= error;
    });
    return this.#stream;
  }

  /** What went wrong first. */
  get error(): NodeJS.ErrnoException | undefined {
    return this.#error;
  }

  /** @param makeText is called where the text is not dropped. */
  put(importance: Importance, makeText: () => string): void {
    if (importance === 'droppable' && this.#queuedCharacters > bounds.queuedOutputCharacters) {
      this.#drop();
      return;
    }
    if (importance === 'latest') this.#removeLatest();
    const text = makeText();
    this.#queue.push({ importance, text });
    this.#queuedCharacters += text.length;
    this.#pump();
  }

  /** Resolves when all has been written, or has failed. */
  async idle(): Promise<void> {
    if (!this.#isWriting) return;
    await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  #drop(): void {
    if (this.#gap === undefined) this.#queue.push((this.#gap = { importance: 'gap', droppedCount: 0 }));
    this.#gap.droppedCount += 1;
  }

  #removeLatest(): void {
    const index = this.#queue.findIndex(({ importance }) => importance === 'latest');
    if (index < 0) return;
    const [removed] = this.#queue.splice(index, 1);
    this.#queuedCharacters -= (removed as QueuedText).text.length;
  }

  /** A loop, as a stream may be done at once, and a recursion over a long queue would be too deep. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (!this.#isWriting && this.#queue.length > 0) {
      this.#isWriting = true;
      this.stream.write(this.#takeAll(), () => {
        this.#isWriting = false;
        this.#pump();
      });
    }
    this.#isPumping = false;
    if (!this.#isWriting) this.#onIdle.splice(0).forEach((resolve) => resolve());
  }

  #takeAll(): string {
    const queue = this.#queue;
    this.#queue = [];
    this.#queuedCharacters = 0;
    this.#gap = undefined;
    return queue
      .map((item) => (item.importance === 'gap' ? this.#gapText(item.droppedCount) : item.text))
      .join('');
  }
}
