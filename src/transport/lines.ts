import type { Readable } from 'node:stream';
import { bounds } from '../limits.ts';

const { stderrLineCharacters, stderrTailLines } = bounds;

/** Reads a stream of text line by line. It keeps the last lines, and passes all of them to a follower. */
export class LineReader {
  readonly #tail: string[] = [];
  #rest = '';
  #onLine: ((line: string) => void) | undefined;

  constructor(stream: Readable) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => this.#take(text));
    stream.on('end', () => this.#take('\n'));
    stream.on('error', () => this.#take('\n'));
  }

  /** The last lines so far, oldest first. The array grows as lines arrive. */
  get tail(): readonly string[] {
    return this.#tail;
  }

  /** Removes the lines so far from the tail. */
  forget(): void {
    this.#tail.length = 0;
  }

  /** Passes on every line, starting with those in the tail. */
  follow(onLine: (line: string) => void): void {
    this.#tail.forEach(onLine);
    this.#onLine = onLine;
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split(/\r?\n|\r/);
    this.#rest = lines.pop()!.slice(0, stderrLineCharacters);
    for (const line of lines) {
      if (line.trim() === '') continue;
      this.#tail.push(line.slice(0, stderrLineCharacters));
      if (this.#tail.length > stderrTailLines) this.#tail.shift();
      this.#onLine?.(line.slice(0, stderrLineCharacters));
    }
  }
}
