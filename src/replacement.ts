import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/** A new version of a file. It has a name of its own in the same directory until it is complete. */
export class Replacement {
  readonly #path: string;
  readonly #newPath: string;
  readonly #mode: number | undefined;

  /**
   * @param newPath in the same directory, because a rename does not lead to another file system. Two processes that write the
   *   file at the same time need different ones.
   * @param mode of the file, whatever the umask is. Left out: the umask decides.
   */
  constructor(path: string, newPath: string, mode?: number) {
    this.#path = path;
    this.#newPath = newPath;
    this.#mode = mode;
  }

  /** Makes sure that the new version can be created. Throws the system's error. */
  try(): void {
    closeSync(this.#open());
    rmSync(this.#newPath);
  }

  /** Replaces the file. A reader finds the old one or the new one, also after a crash. Throws the system's error. */
  write(text: string): void {
    try {
      const fd = this.#open();
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
  }

  /** A file that a killed process has left there, or a link, is not written to. */
  #open(): number {
    rmSync(this.#newPath, { force: true });
    const fd = openSync(this.#newPath, 'wx', this.#mode ?? 0o666);
    if (this.#mode !== undefined) fchmodSync(fd, this.#mode);
    return fd;
  }
}
