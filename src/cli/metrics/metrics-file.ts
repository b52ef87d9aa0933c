import { readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BasynError, systemReason } from '../../errors.ts';
import { bounds } from '../../limits.ts';
import { Replacement } from '../../replacement.ts';
import { expositionText, isOurs, readExposition, type JobIdentity, type JobMetrics } from './exposition.ts';

/** The collector runs under another account. */
const mode = 0o644;

/** A file for the textfile collector of node_exporter. */
export class MetricsFile {
  /** As the user has written it. */
  readonly #name: string;
  /** Without symbolic links, which a rename would replace. */
  readonly #path: string;
  readonly #replacement: Replacement;
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
      // The collector reads only names that end with `.prom`.
      this.#replacement = new Replacement(this.#path, `${this.#path}.${process.pid}.new`, mode);
      this.previous = readExposition(this.#readOwn('usage'));
      this.#replacement.try();
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
      this.#readOwn('device');
      this.#replacement.write(expositionText(jobs));
    } catch (error) {
      throw error instanceof BasynError ? error : problem('device', this.#name, error);
    }
  }

  /**
   * @param code of the error, where Basyn has not written the file.
   * @returns an empty text where there is no file.
   */
  #readOwn(code: 'usage' | 'device'): string {
    const stats = statSync(this.#path, { throwIfNoEntry: false });
    if (stats === undefined) return '';
    const isMetrics = stats.isFile() && stats.size <= bounds.maxMetricsFileBytes;
    const text = isMetrics ? readFileSync(this.#path, 'utf8') : undefined;
    if (text === '' || (text !== undefined && isOurs(text))) return text;
    throw foreign(code, this.#name);
  }
}

/** The file itself may be missing, and its directory may not. */
function resolved(path: string): string {
  const exists = statSync(path, { throwIfNoEntry: false }) !== undefined;
  return exists ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path));
}

/** The file belongs to another command: each would remove the metrics of the other. */
export function otherOwner(path: string, { file, name }: JobIdentity): BasynError {
  const owner = file === undefined ? name : `the jobs of ${file}`;
  return new BasynError(
    'usage',
    `${path} has the metrics of ${owner}, which would be lost: name another file, or remove this one.`,
  );
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
