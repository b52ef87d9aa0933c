import { lstatSync, readFile as readFileWithCallback, readFileSync, statSync } from 'node:fs';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../clock.ts';
import { systemReason } from '../errors.ts';
import { bounds, tuning } from '../limits.ts';
import { deviceNumber } from './block-device.ts';
import { isAnonymous, mountOf } from './file-system.ts';
import type { Subject, Use } from './in-use.ts';
import { isGone, openFiles, type OpenFile } from './open-files.ts';
import { parseLocks, type FileLock } from './proc-tables.ts';

const readFile = promisify(readFileWithCallback);

/** The processes that have a device or file open, as far as they can be determined. */
export interface Openers {
  /** Uses that last for at least a second. Programs that watch devices open them only briefly. */
  readonly uses: readonly Use[];
  /** What could not be examined, as clauses. */
  readonly unexamined: readonly string[];
}

/** Which uses are searched for. A target must not be open in a virtual machine at all. A source must not change. */
export type OpenersSought = 'writers and virtual machines' | 'writers';

/**
 * Searches for other processes that have a device or file open for writing, and for locks of QEMU on it. This process does
 * not count.
 */
export async function openersOf(subject: Subject, sought: OpenersSought): Promise<Openers> {
  if (process.platform !== 'linux') return { uses: [], unexamined: [] };
  const { files, unexamined, mayBeQemu } = await openFiles();
  const doubts = [...unexamined];
  const isWriter = writerTest(subject);
  let writers = files.filter(isWriter);
  // Reading the table of locks takes the kernel about 25 ms (an RCU grace period).
  let locks = mayBeQemu ? await qemuUses(subject, sought, doubts) : [];
  const endMs = monotonicMs() + bounds.briefOpeningMs;
  while (writers.length + locks.length > 0 && monotonicMs() < endMs) {
    await sleep(tuning.briefOpeningPollMs);
    writers = writers.filter(isWriter);
    if (locks.length > 0) locks = await qemuUses(subject, sought, doubts);
  }
  return { uses: [...locks, ...writerUses(writers)], unexamined: doubts };
}

function writerUses(writers: readonly OpenFile[]): Use[] {
  const processes = [...new Set(writers.map(({ pid }) => pid))];
  return processes.map((pid) => ({
    clause: `is open for writing in process ${pid}${nameOfProcess(pid)}`,
    remedy: 'stop that process first',
  }));
}

function nameOfProcess(pid: string): string {
  try {
    return ` (${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()})`;
  } catch {
    // The process has ended. Its number is enough.
    return '';
  }
}

/** Whether an open file is the subject or a part of it, and open for writing. */
function writerTest({ stats, stack, view }: Subject): (file: OpenFile) => boolean {
  const exact = stack.regions.filter(({ placement }) => placement === 'exact').map(({ store }) => store);
  const partitions = stats.isBlockDevice() ? (view.block(deviceNumber(stats.rdev))?.partitions ?? []) : [];
  const stores = new Set([...exact, ...partitions.map((number) => `block ${number}`)]);
  // First, only the inode number is compared. It may be rounded here, but excludes nearly all files.
  const inodes = new Set(
    exact.flatMap((store) => (store.startsWith('file ') ? Number(store.split(' ')[2]) : [])),
  );
  return ({ link }) => {
    try {
      const seen = statSync(link);
      if (!seen.isBlockDevice() && !(seen.isFile() && inodes.has(seen.ino))) return false;
      const exactly = statSync(link, { bigint: true });
      const store = exactly.isBlockDevice()
        ? `block ${deviceNumber(exactly.rdev)}`
        : `file ${deviceNumber(exactly.dev)} ${exactly.ino}`;
      // The permissions of the link are the access mode of the descriptor.
      return stores.has(store) && (lstatSync(link).mode & 0o200) !== 0;
    } catch (error) {
      // The file was closed, or its file system fails. It is not the subject, whose `stat` succeeded.
      if (isGone(error) || (error as NodeJS.ErrnoException).syscall === 'stat') return false;
      throw error;
    }
  };
}

/**
 * QEMU locks single bytes of an image. A byte from `first` on states an operation that QEMU performs. The byte 100 further
 * states that others must not perform it.
 */
const qemuBytes = { first: 100, write: 101, last: 203 };

/** Unlike processes, locks are visible in all containers. */
async function qemuUses(subject: Subject, sought: OpenersSought, unexamined: string[]): Promise<Use[]> {
  const all = await readLocks(unexamined);
  const locks = all.filter((lock) => isQemuLock(lock, sought) && isOn(lock, subject));
  if (locks.length === 0) return [];
  return [{ clause: 'is locked by a QEMU virtual machine or tool', remedy: 'stop it first' }];
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
  // For btrfs and some others, the kernel reports locks with the device number of the mount.
  return isAnonymous(seen) && path !== undefined && mountOf(path, view.mounts)?.deviceNumber === number;
}

async function readLocks(unexamined: string[]): Promise<FileLock[]> {
  try {
    return parseLocks(await readFile('/proc/locks', 'latin1'));
  } catch (error) {
    const what = `the locks of files: ${systemReason(error as NodeJS.ErrnoException)}`;
    if (!unexamined.includes(what)) unexamined.push(what);
    return [];
  }
}
