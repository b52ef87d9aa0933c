import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { syncDirectory } from '../device/device.ts';
import type { Extent } from '../digest/extent.ts';
import { BasynError, systemReason } from '../errors.ts';
import type { ExtentFact, PhaseReport, ReportedPhase, RunReport } from '../report.ts';
import { Spool, unionOfLists, writeAll } from './spool.ts';
import { tuning } from '../limits.ts';

/**
 * The list of every range that a run finds to differ, as a file: one JSON object a line, and a last line with their number and
 * bytes. What can't be read of the source is listed as well, because it may differ.
 *
 * The file appears when the run has ended, under its name at once. A list of an earlier run is removed before the run begins, so
 * that it is never taken for one of this run.
 */
export class RangeList {
  readonly #path: string;
  #spool: Spool;
  /** What was found before the offsets began again at a lower one: in another phase, or before an attempt. */
  #earlier: Spool | undefined;
  #unreadable: Extent[] = [];
  readonly #differingBytes: Partial<Record<ReportedPhase, number>> = {};
  /** Why the list can't be kept. */
  #failure: Error | undefined;

  /**
   * Removes an earlier list.
   *
   * @throws {BasynError} `refused`, where the file is no such list, or can't be created.
   */
  static open(path: string): RangeList {
    try {
      if (isThere(path)) unlinkSync(path);
      return new RangeList(path);
    } catch (error) {
      if (error instanceof BasynError) throw error;
      throw refused(path, `can't be created: ${systemReason(error as NodeJS.ErrnoException)}`, error);
    }
  }

  private constructor(path: string) {
    this.#path = path;
    this.#spool = new Spool(this.#temporaryPath());
  }

  add({ phase, kind, offsetBytes, lengthBytes }: ExtentFact): void {
    if (this.#failure !== undefined) return;
    if (kind === 'unreadable') this.#unreadable.push({ offsetBytes, lengthBytes });
    if (kind !== 'differing') return;
    const differingBytes = this.#differingBytes;
    differingBytes[phase] = (differingBytes[phase] ?? 0) + lengthBytes;
    try {
      if (offsetBytes < this.#spool.endBytes) this.#beginAgain();
      this.#spool.add(offsetBytes, lengthBytes);
    } catch (error) {
      // The devices are more important than the list: the run goes on.
      this.#failure = error as Error;
    }
  }

  /**
   * Writes the file.
   *
   * @throws {BasynError} `device`, if it can't be written, or would not be complete. There is no file then.
   */
  finish(report: RunReport): void {
    for (const phase of report.phases) this.#requireComplete(phase);
    // An earlier list was removed at the beginning. The run may have created its target here, under another name.
    if (statSync(this.#path, { throwIfNoEntry: false }) !== undefined) {
      throw failed(this.#path, 'was not written: a file of this name was made during the run');
    }
    try {
      if (this.#failure !== undefined) throw this.#failure;
      const temporaryPath = this.#temporaryPath();
      try {
        this.#write(temporaryPath);
        renameSync(temporaryPath, this.#path);
      } catch (error) {
        unlinkIfThere(temporaryPath);
        throw error;
      }
      syncDirectory(dirname(this.#path));
    } catch (error) {
      const reason = systemReason(error as NodeJS.ErrnoException);
      throw failed(this.#path, `can't be written: ${reason}`, error);
    }
  }

  /** Call it however the run has ended. */
  close(): void {
    this.#spool.close();
    this.#earlier?.close();
  }

  #beginAgain(): void {
    const next = new Spool(this.#temporaryPath());
    const [earlier, last] = [this.#earlier, this.#spool];
    this.#spool = next;
    this.#earlier = last;
    if (earlier === undefined) return;
    const union = new Spool(this.#temporaryPath());
    this.#earlier = union;
    for (const range of unionOfLists(earlier.ranges(), last.ranges()))
      union.add(range.offsetBytes, range.lengthBytes);
    earlier.close();
    last.close();
  }

  /** In the directory of the list, because a rename does not lead to another file system. */
  #temporaryPath(): string {
    const name = `.${basename(this.#path)}.${randomBytes(6).toString('hex')}`;
    return join(dirname(this.#path), name);
  }

  #requireComplete({ phase, differingBytes, unreadableRangeCount = 0, ...report }: PhaseReport): void {
    const { unreadableRanges = [] } = report;
    const isComplete = (this.#differingBytes[phase] ?? 0) >= differingBytes;
    if (isComplete && unreadableRangeCount === unreadableRanges.length) return;
    const what = isComplete ? 'ranges that can not be read' : 'ranges that differ';
    throw failed(this.#path, `was not written: not all ${what} were reported`);
  }

  /** Most runs have one list, which needs no union. */
  #ranges(): Iterable<Extent> {
    const last = this.#spool.ranges();
    const found = this.#earlier === undefined ? last : unionOfLists(this.#earlier.ranges(), last);
    if (this.#unreadable.length === 0) return found;
    const unreadable = this.#unreadable.sort((a, b) => a.offsetBytes - b.offsetBytes);
    return unionOfLists(found, unionOfLists(unreadable, []));
  }

  #write(path: string): void {
    const fd = openSync(path, 'wx', 0o600);
    try {
      let [text, atBytes, count, bytes] = ['', 0, 0, 0];
      const flush = (): void => {
        writeAll(fd, Buffer.from(text, 'latin1'), atBytes);
        atBytes += text.length;
        text = '';
      };
      for (const { offsetBytes, lengthBytes } of this.#ranges()) {
        text += `{"offset":${offsetBytes},"length":${lengthBytes}}\n`;
        count++;
        bytes += lengthBytes;
        if (text.length >= tuning.rangeList.writeBytes) flush();
      }
      text += `{"ranges":${count},"bytes":${bytes}}\n`;
      flush();
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}

/** @throws {BasynError} `refused`, where the file is not an earlier list: it must not be removed. */
function isThere(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  if (!stats.isFile()) throw refused(path, 'is not a regular file');
  if (stats.size > 0 && !/^\{"(offset|ranges)":[0-9]/.test(beginningOf(path))) {
    throw refused(path, 'exists, and is no list of ranges: name another file, or remove it');
  }
  return true;
}

function beginningOf(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(32);
    return bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function refused(path: string, what: string, cause?: unknown): BasynError {
  const message = `The list of ranges ${path} ${what}. Nothing was written.`;
  return new BasynError('refused', message, { side: 'local', device: path }, { cause });
}

function failed(path: string, what: string, cause?: unknown): BasynError {
  const message = `The run has ended, but the list of ranges ${path} ${what}.`;
  return new BasynError('device', message, { side: 'local', device: path }, { cause });
}
