import {
  closeSync,
  fsyncSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { BasynError, systemReason } from '../errors.ts';

/** A file that appears as a whole, at the end of a run. */
export class ReportFile {
  readonly #path: string;
  readonly #start: string;

  private constructor(path: string, start: string) {
    this.#path = path;
    this.#start = start;
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
      closeSync(file.#openNew());
      rmSync(file.#newPath);
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
      try {
        const fd = this.#openNew();
        try {
          writeFileSync(fd, text);
          fsyncSync(fd);
        } finally {
          closeSync(fd);
        }
        renameSync(this.#newPath, this.#path);
      } catch (error) {
        rmSync(this.#newPath, { force: true });
        throw error;
      }
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

  /** A file that a killed process has left there, or a link, is not written to. */
  #openNew(): number {
    rmSync(this.#newPath, { force: true });
    return openSync(this.#newPath, 'wx');
  }

  /** In the same directory, and not that of another run that writes the same file. */
  get #newPath(): string {
    return `${this.#path}.${process.pid}.new`;
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
