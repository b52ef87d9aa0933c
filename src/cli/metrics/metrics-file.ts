import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BasynError, systemReason } from '../../errors.ts';
import { bounds } from '../../limits.ts';
import { expositionText, isOurs, readExposition, type JobMetrics } from './exposition.ts';

/** A file for the textfile collector of node_exporter. */
export class MetricsFile {
  /** As the user has written it. */
  readonly #name: string;
  /** Without symbolic links, which a rename would replace. */
  readonly #path: string;
  /** What the file held when it was opened. */
  readonly previous: readonly JobMetrics[];

  /**
   * Reads the file, if there is one, and finds out whether it can be written.
   *
   * @throws {BasynError} `usage`, where it can't be written, or Basyn has not written it.
   */
  constructor(name: string) {
    this.#name = name;
    try {
      this.#path = resolved(name);
      const text = readText(this.#path);
      if (text !== '' && !isOurs(text)) throw foreign('usage', name);
      this.previous = readExposition(text);
      this.#writeNew('');
      rmSync(this.#newPath);
    } catch (error) {
      throw error instanceof BasynError ? error : problem('usage', name, error);
    }
  }

  /**
   * Replaces the file. A reader finds the old one or the new one, also after a crash.
   *
   * @throws {BasynError} `device`, where it can't be written.
   */
  write(jobs: readonly JobMetrics[]): void {
    try {
      // The run may have created its target here.
      if (!mayBeReplaced(this.#path)) throw foreign('device', this.#name);
      this.#writeNew(expositionText(jobs));
      renameSync(this.#newPath, this.#path);
    } catch (error) {
      throw error instanceof BasynError ? error : problem('device', this.#name, error);
    }
  }

  /** The collector reads only names that end with `.prom`. */
  get #newPath(): string {
    return `${this.#path}.${process.pid}.new`;
  }

  #writeNew(text: string): void {
    rmSync(this.#newPath, { force: true });
    const fd = openSync(this.#newPath, 'wx', 0o644);
    try {
      // The collector runs under another account, and the umask may be strict.
      fchmodSync(fd, 0o644);
      writeFileSync(fd, text);
      fsyncSync(fd);
    } catch (error) {
      rmSync(this.#newPath, { force: true });
      throw error;
    } finally {
      closeSync(fd);
    }
  }
}

/** The file itself may be missing, and its directory may not. */
function resolved(path: string): string {
  const exists = statSync(path, { throwIfNoEntry: false }) !== undefined;
  return exists ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path));
}

/** @returns an empty text where there is no file. */
function readText(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return '';
  if (!stats.isFile() || stats.size > bounds.maxMetricsFileBytes) throw foreign('usage', path);
  return readFileSync(path, 'utf8');
}

function mayBeReplaced(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || stats.size === 0) return true;
  return stats.isFile() && stats.size <= bounds.maxMetricsFileBytes && isOurs(readFileSync(path, 'utf8'));
}

function foreign(code: 'usage' | 'device', path: string): BasynError {
  return new BasynError(
    code,
    `${path} is not a file of metrics that Basyn has written, and would be replaced: name another file.`,
  );
}

function problem(code: 'usage' | 'device', path: string, error: unknown): BasynError {
  const reason = systemReason(error as NodeJS.ErrnoException);
  return new BasynError(code, `The metrics can't be written to ${path}: ${reason}.`, {}, { cause: error });
}
