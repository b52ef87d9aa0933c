import type { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { Message } from '../protocol/messages.ts';

interface Waiter {
  readonly resolve: (message: Message) => void;
  readonly reject: (error: BasynError) => void;
}

/** What the inbox reads from. */
export interface Pausable {
  pause(): void;
  resume(): void;
}

/**
 * Messages that have arrived and have not been taken yet. The roles take every message at once, and windows bound what
 * they have in flight. For a peer that ignores the windows, a full inbox stops reading until it is empty again.
 */
export class Inbox {
  readonly #source: Pausable;
  readonly #arrived: { readonly message: Message; readonly frameBytes: number }[] = [];
  #arrivedBytes = 0;
  #waiter: Waiter | undefined;
  #failure: BasynError | undefined;
  #isPaused = false;

  constructor(source: Pausable) {
    this.#source = source;
  }

  /** Whether reading is stopped. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether a caller of {@link next} waits for a message. */
  get hasWaiter(): boolean {
    return this.#waiter !== undefined;
  }

  put(message: Message, frameBytes: number): void {
    if (this.#waiter !== undefined) {
      this.#waiter.resolve(message);
      this.#waiter = undefined;
      return;
    }
    this.#arrived.push({ message, frameBytes });
    this.#arrivedBytes += frameBytes;
    const isFull = this.#arrived.length >= bounds.queuedMessages || this.#arrivedBytes >= bounds.queuedBytes;
    if (!isFull || this.#isPaused) return;
    this.#isPaused = true;
    this.#source.pause();
  }

  /**
   * The next message.
   *
   * @throws {BasynError} what {@link fail} was given, after all messages that arrived before.
   */
  next(): Promise<Message> {
    return new Promise((resolve, reject) => {
      const arrived = this.#arrived.shift();
      if (arrived !== undefined) {
        this.#arrivedBytes -= arrived.frameBytes;
        resolve(arrived.message);
        this.#resumeWhenEmpty();
      } else if (this.#failure !== undefined) {
        reject(this.#failure);
      } else {
        this.#waiter = { resolve, reject };
      }
    });
  }

  /** No further message will arrive. */
  fail(error: BasynError): void {
    this.#failure = error;
    this.#waiter?.reject(error);
    this.#waiter = undefined;
  }

  #resumeWhenEmpty(): void {
    if (!this.#isPaused || this.#arrived.length > 0) return;
    this.#isPaused = false;
    this.#source.resume();
  }
}
