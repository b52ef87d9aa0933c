import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync, type BigIntStats } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../clock.ts';
import { systemReason } from '../errors.ts';
import { limits } from '../limits.ts';
import { deviceNumber } from './block-device.ts';
import { isAnonymous, mountOf } from './file-system.ts';
import type { Subject, Use } from './in-use.ts';
import { parseLocks, type FileLock } from './proc-tables.ts';

/** Who else has a device or file open, as far as it can be found out. */
export interface Openers {
  /** Uses that lasted for a second: programs that watch devices open them for a moment only. */
  readonly uses: readonly Use[];
  /** What could not be examined: clauses. */
  readonly unexamined: readonly string[];
}

/** Which users are looked for: a target must not be open in a virtual machine at all; a source must not change. */
export type OpenersSought = 'writers and virtual machines' | 'writers';

/**
 * Looks for other processes that have a device or file open for writing, and for locks of QEMU on it. Our own process
 * doesn't count. It takes its turns with other work, and no longer than `limits.openersScanMs`.
 */
export async function openersOf(subject: Subject, sought: OpenersSought): Promise<Openers> {
  if (process.platform !== 'linux') return { uses: [], unexamined: [] };
  const search = new Search(subject);
  await search.run();
  const lockUses = (): Use[] => qemuUses(subject, sought, search.unexamined);
  let found = search.found;
  let locks = lockUses();
  const endMs = monotonicMs() + limits.briefOpeningMs;
  while (found.length + locks.length > 0 && monotonicMs() < endMs) {
    await sleep(limits.briefOpeningPollMs);
    found = found.filter((opening) => search.isStillOpen(opening));
    if (locks.length > 0) locks = lockUses();
  }
  return { uses: [...locks, ...writerUses(found)], unexamined: search.unexamined };
}

interface Opening {
  readonly pid: string;
  /** "/proc/7/fd/3". */
  readonly link: string;
}

function writerUses(found: readonly Opening[]): Use[] {
  const processes = [...new Set(found.map(({ pid }) => pid))];
  return processes.map((pid) => ({
    clause: `is open for writing in process ${pid}${nameOfProcess(pid)}`,
    remedy: 'end that first',
  }));
}

function nameOfProcess(pid: string): string {
  try {
    return ` (${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()})`;
  } catch {
    // It has ended since: the number alone must do.
    return '';
  }
}

/** One walk over the open files of all processes. */
class Search {
  readonly found: Opening[] = [];
  readonly unexamined: string[] = [];
  readonly #subject: Subject;
  readonly #files: ReadonlySet<string>;
  readonly #devices: ReadonlySet<string>;

  constructor(subject: Subject) {
    const { stats, stack, view } = subject;
    const exact = stack.regions.filter(({ placement }) => placement === 'exact').map(({ store }) => store);
    const partitions = stats.isBlockDevice() ? (view.block(deviceNumber(stats.rdev))?.partitions ?? []) : [];
    this.#subject = subject;
    this.#files = new Set(exact.filter((store) => store.startsWith('file ')));
    this.#devices = new Set([...exact, ...partitions.map((number) => `block ${number}`)]);
  }

  async run(): Promise<void> {
    const pids = this.#listPids();
    const endMs = monotonicMs() + limits.openersScanMs;
    let turnEndMs = monotonicMs() + limits.openersTurnMs;
    let hidden = 0;
    for (const [index, pid] of pids.entries()) {
      if (!this.#examine(pid)) hidden++;
      if (monotonicMs() < turnEndMs) continue;
      await nextTurn();
      if (monotonicMs() > endMs) {
        this.unexamined.push(`the open files of ${pids.length - index - 1} processes, for lack of time`);
        break;
      }
      turnEndMs = monotonicMs() + limits.openersTurnMs;
    }
    if (hidden > 0) this.unexamined.push(`the open files of ${hidden} processes, without permission`);
  }

  /** The newest first. */
  #listPids(): string[] {
    try {
      const skipped = new Set([String(process.pid)]);
      if (!isInFirstPidNamespace()) this.unexamined.push('the processes outside of this container');
      else for (const pid of kernelThreads()) skipped.add(pid);
      return readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name) && !skipped.has(name))
        .reverse();
    } catch (error) {
      this.unexamined.push(`any process: /proc can't be read: ${systemReason(error as Error)}`);
      return [];
    }
  }

  /** False where the process may not be examined. */
  #examine(pid: string): boolean {
    const directory = `/proc/${pid}/fd`;
    try {
      for (const name of readdirSync(directory)) this.#look({ pid, link: `${directory}/${name}` });
      return true;
    } catch (error) {
      return hasGone(error);
    }
  }

  #look(opening: Opening): void {
    try {
      // Most are pipes, sockets and the like, of which the kernel shows no path. To look at these alone is enough.
      if (!readlinkSync(opening.link).startsWith('/')) return;
      if (this.#isOpenForWriting(opening.link)) this.found.push(opening);
    } catch (error) {
      if (!hasGone(error)) throw error;
    }
  }

  isStillOpen({ link }: Opening): boolean {
    try {
      return this.#isOpenForWriting(link);
    } catch {
      return false;
    }
  }

  #isOpenForWriting(link: string): boolean {
    const { stats: own } = this.#subject;
    const isBlockDevice = own.isBlockDevice();
    // Numbers this large may be rounded: what looks the same is looked at again.
    const quick = statSync(link);
    const isCandidate = isBlockDevice || this.#files.size > 1 ? true : quick.ino === Number(own.ino);
    if (!isCandidate || !(quick.isFile() || quick.isBlockDevice())) return false;
    return this.#isSame(statSync(link, { bigint: true })) && mayWriteThrough(link);
  }

  #isSame(stats: BigIntStats): boolean {
    if (stats.isBlockDevice()) return this.#devices.has(`block ${deviceNumber(stats.rdev)}`);
    return this.#files.has(`file ${deviceNumber(stats.dev)} ${stats.ino}`);
  }
}

/** The link's own permissions are the modes of the opening. */
function mayWriteThrough(link: string): boolean {
  return (lstatSync(link).mode & 0o200) !== 0;
}

/** The number of the first namespace is fixed in the kernel (PROC_PID_INIT_INO). */
function isInFirstPidNamespace(): boolean {
  return readlinkSync('/proc/self/ns/pid') === 'pid:[4026531836]';
}

/** They are the children of the second process, have no files, and are many. */
function kernelThreads(): string[] {
  try {
    return readFileSync('/proc/2/task/2/children', 'latin1').trim().split(' ');
  } catch (error) {
    // Not every kernel tells the children of a process; then these are examined like all.
    if (hasGone(error)) return [];
    throw error;
  }
}

function hasGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH';
}

/** QEMU locks single bytes of an image: here it says what it does with it, and 100 further, what others must not do. */
const qemuBytes = { first: 100, write: 101, last: 203 };

/** Locks are seen in all containers, other than processes. */
function qemuUses(subject: Subject, sought: OpenersSought, unexamined: string[]): Use[] {
  const locks = readLocks(unexamined).filter((lock) => isQemuLock(lock, sought) && isOn(lock, subject));
  if (locks.length === 0) return [];
  return [{ clause: 'is locked by a virtual machine or tool of QEMU', remedy: 'end that first' }];
}

function isQemuLock({ kind, firstByte, lastByte }: FileLock, sought: OpenersSought): boolean {
  const { first, write, last } = qemuBytes;
  if (kind !== 'OFDLCK' || firstByte < first || lastByte > last) return false;
  return sought !== 'writers' || (firstByte <= write && lastByte >= write);
}

function isOn({ deviceNumber: number, inode }: FileLock, { stats, path, view }: Subject): boolean {
  if (inode !== stats.ino) return false;
  const seen = deviceNumber(stats.dev);
  if (number === seen) return true;
  // The locks of btrfs and others go by the number of the mount.
  return isAnonymous(seen) && path !== undefined && mountOf(path, view.mounts)?.deviceNumber === number;
}

function readLocks(unexamined: string[]): FileLock[] {
  try {
    return parseLocks(readFileSync('/proc/locks', 'latin1'));
  } catch (error) {
    const what = `the locks of files: ${systemReason(error as NodeJS.ErrnoException)}`;
    if (!unexamined.includes(what)) unexamined.push(what);
    return [];
  }
}
