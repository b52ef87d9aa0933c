import { lstatSync, readFile as readFileWithCallback, readFileSync, statSync } from 'node:fs';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../clock.ts';
import { systemReason } from '../errors.ts';
import { limits } from '../limits.ts';
import { deviceNumber } from './block-device.ts';
import { isAnonymous, mountOf } from './file-system.ts';
import type { Subject, Use } from './in-use.ts';
import { isGone, openFiles, type OpenFile } from './open-files.ts';
import { parseLocks, type FileLock } from './proc-tables.ts';

const readFile = promisify(readFileWithCallback);

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
 * doesn't count.
 */
export async function openersOf(subject: Subject, sought: OpenersSought): Promise<Openers> {
  if (process.platform !== 'linux') return { uses: [], unexamined: [] };
  const { files, unexamined, mayBeQemu } = await openFiles();
  const doubts = [...unexamined];
  const isWriter = writerTest(subject);
  let writers = files.filter(isWriter);
  // To read the table of locks, the kernel waits for some 25 ms (for an RCU grace period).
  let locks = mayBeQemu ? await qemuUses(subject, sought, doubts) : [];
  const endMs = monotonicMs() + limits.briefOpeningMs;
  while (writers.length + locks.length > 0 && monotonicMs() < endMs) {
    await sleep(limits.briefOpeningPollMs);
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
    // It has ended since: the number alone must do.
    return '';
  }
}

/** Whether an open file is the subject or a part of it, and open for writing. */
function writerTest({ stats, stack, view }: Subject): (file: OpenFile) => boolean {
  const exact = stack.regions.filter(({ placement }) => placement === 'exact').map(({ store }) => store);
  const partitions = stats.isBlockDevice() ? (view.block(deviceNumber(stats.rdev))?.partitions ?? []) : [];
  const stores = new Set([...exact, ...partitions.map((number) => `block ${number}`)]);
  // A file is compared by its number alone at first, which may be rounded here, and tells nearly all apart.
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
      // The link's own permissions are the modes of the opening.
      return stores.has(store) && (lstatSync(link).mode & 0o200) !== 0;
    } catch (error) {
      // Closed meanwhile, or on a file system that fails: what can't be looked at there is not what we have looked at.
      if (isGone(error) || (error as NodeJS.ErrnoException).syscall === 'stat') return false;
      throw error;
    }
  };
}

/** QEMU locks single bytes of an image: here it says what it does with it, and 100 further, what others must not do. */
const qemuBytes = { first: 100, write: 101, last: 203 };

/** Locks are seen in all containers, other than processes. */
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
  // The locks of btrfs and others go by the number of the mount.
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
