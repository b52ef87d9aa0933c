import { openSync, readSync } from 'node:fs';

const milliseconds = 1e6;

/** Tells for how long the calling thread has run or was ready to run. It belongs to the thread that makes it. */
export class ThreadTime {
  readonly #fd = openSchedule();
  readonly #bytes = Buffer.alloc(128);

  /** Milliseconds since the thread's start. Undefined where the kernel does not count them. */
  get activeMs(): number | undefined {
    if (this.#fd === undefined) return undefined;
    const length = readSync(this.#fd, this.#bytes, 0, this.#bytes.length, 0);
    // Nanoseconds on a processor, and in wait for one.
    const [ranNs, waitedNs] = this.#bytes.toString('latin1', 0, length).split(' ').map(Number);
    return ranNs === undefined || waitedNs === undefined ? undefined : (ranNs + waitedNs) / milliseconds;
  }
}

/** It stays open as long as the thread. */
function openSchedule(): number | undefined {
  try {
    return openSync('/proc/thread-self/schedstat', 'r');
  } catch {
    // The kernel was built without it, or /proc is not mounted: the times of threads are not known.
    return undefined;
  }
}
