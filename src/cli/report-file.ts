import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { BasynError, systemReason } from '../errors.ts';
import { Replacement } from '../replacement.ts';

/** A file that appears as a whole, at the end of a run. */
export class ReportFile {
  readonly #path: string;
  readonly #start: string;
  readonly #replacement: Replacement;

  private constructor(path: string, start: string) {
    this.#path = path;
    this.#start = start;
    // Not that of another run that writes the same file.
    this.#replacement = new Replacement(path, `${path}.${process.pid}.new`);
  }

  /**
   * Makes sure that the file can be written before the run begins. An existing one must be empty or begin with `start`: a disk
   * image that was named by mistake is not replaced.
   *
   * @throws {BasynError} `device`, where it can't be written; `refused`, where it holds something else.
   */
  static prepare(path: string, start: string): ReportFile {
    return orExplain(path, () => {
      const isThere = statSync(path, { throwIfNoEntry: false }) !== undefined;
      // A link stays a link.
      const file = new ReportFile(isThere ? realpathSync(path) : path, start);
      file.#requireReplaceable('nothing was started');
      file.#replacement.try();
      return file;
    });
  }

  /**
   * Replaces the file. A crash leaves the old one or the new one.
   *
   * @throws {BasynError} `device`, where it can't be written; `refused`, where the run itself has made another file of that name.
   */
  write(text: string): void {
    orExplain(this.#path, () => {
      this.#requireReplaceable('no report was written');
      this.#replacement.write(text);
    });
  }

  #requireReplaceable(outcome: string): void {
    const existing = statSync(this.#path, { throwIfNoEntry: false });
    if (existing === undefined || (existing.isFile() && isReplaceable(this.#path, this.#start))) return;
    throw new BasynError(
      'refused',
      `${this.#path} exists, and is no earlier report: ${outcome}, and the file is as it was.`,
      { device: this.#path },
    );
  }
}

function isReplaceable(path: string, start: string): boolean {
  const expected = Buffer.from(start);
  const found = Buffer.alloc(expected.length);
  const fd = openSync(path, 'r');
  try {
    const length = readSync(fd, found, 0, found.length, 0);
    return length === 0 || found.equals(expected);
  } finally {
    closeSync(fd);
  }
}

function orExplain<T>(path: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    if (error instanceof BasynError) throw error;
    const reason = systemReason(error as NodeJS.ErrnoException);
    throw new BasynError(
      'device',
      `The report ${path} can't be written: ${reason}.`,
      { device: path },
      { cause: error },
    );
  }
}
