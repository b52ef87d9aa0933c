import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { tuning } from '../limits.ts';
import type { TextStream } from './outlet.ts';

/**
 * The stream behind stdout (1) or stderr (2), whose `write` doesn't wait for the reader where the kernel allows that:
 *
 * - A pipe or a terminal is opened anew, because the mode "non-blocking" belongs to what was opened. Other processes
 *   that write to the same pipe or terminal keep theirs.
 * - A socket can't be opened anew. Node's own stream does not block on it.
 * - A file, and a device such as /dev/null, has no reader to wait for.
 */
export function openStandardStream(fd: 1 | 2): TextStream {
  const stats = fstatSync(fd);
  const nodeStream = (): NodeJS.WriteStream => (fd === 1 ? process.stdout : process.stderr);
  if (stats.isSocket()) return nodeStream();
  const terminal = stats.isCharacterDevice() && nodeStream().isTTY ? nodeStream() : undefined;
  if (terminal === undefined && !stats.isFIFO()) return new DescriptorStream(fd);
  const reopened = openWithoutBlocking(fd);
  if (reopened === undefined) return nodeStream();
  return new DescriptorStream(reopened, terminal);
}

/** @returns undefined where the pipe or terminal belongs to another user, or where there is no /proc. */
function openWithoutBlocking(fd: number): number | undefined {
  const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  try {
    return openSync(`/proc/self/fd/${fd}`, flags);
  } catch (error) {
    // A pipe without a reader. A write to it fails at once, with the error that tells so.
    return (error as NodeJS.ErrnoException).code === 'ENXIO' ? fd : undefined;
  }
}

/** Writes to a descriptor. What can't be written now is tried again later; `done` is called when nothing is left. */
class DescriptorStream implements TextStream {
  readonly #fd: number;
  readonly #terminal: NodeJS.WriteStream | undefined;
  readonly #errorListeners: ((error: NodeJS.ErrnoException) => void)[] = [];

  constructor(fd: number, terminal?: NodeJS.WriteStream) {
    this.#fd = fd;
    this.#terminal = terminal;
  }

  get isTTY(): boolean {
    return this.#terminal !== undefined;
  }

  get columns(): number {
    return this.#terminal?.columns ?? 0;
  }

  write(text: string, done: () => void): void {
    this.#write(Buffer.from(text), done);
  }

  on(_event: 'error', listener: (error: NodeJS.ErrnoException) => void): void {
    this.#errorListeners.push(listener);
  }

  #write(bytes: Uint8Array, done: () => void): void {
    let rest = bytes;
    try {
      while (rest.byteLength > 0) rest = rest.subarray(writeSync(this.#fd, rest));
    } catch (thrown) {
      const error = thrown as NodeJS.ErrnoException;
      if (error.code === 'EAGAIN') {
        setTimeout(() => this.#write(rest, done), tuning.outputRetryMs);
        return;
      }
      this.#errorListeners.forEach((listener) => listener(error));
    }
    done();
  }
}
