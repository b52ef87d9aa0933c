import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { monotonicMs } from '../clock.ts';
import { systemReason } from '../errors.ts';
import { bounds, tuning } from '../limits.ts';

/** A file or device that another process has open. */
export interface OpenFile {
  readonly pid: string;
  /** "/proc/7/fd/3": leads to the file itself, independent of its name. */
  readonly link: string;
}

/** The open files of the other processes, as far as they can be examined. */
export interface OpenFiles {
  readonly files: readonly OpenFile[];
  /** What could not be examined, as clauses. */
  readonly unexamined: readonly string[];
  /** Whether QEMU may be running: one of its programs was found, or not all processes are visible. */
  readonly mayBeQemu: boolean;
}

/** The names that the kernel reports for programs of QEMU: qemu-system-x86, qemu-nbd, kvm. */
const qemuName = /^(qemu|kvm)/;

let lastWalk: { readonly endMs: number; readonly walk: Promise<OpenFiles> } | undefined;

/**
 * The files and devices that other processes have open. The search lets other work run in between, and ends after
 * `bounds.openersScanMs`. The source and the target of a run on one host share one search: a file that was opened after it
 * has not been open for long enough to count.
 */
export function openFiles(): Promise<OpenFiles> {
  if (lastWalk === undefined || monotonicMs() > lastWalk.endMs) {
    lastWalk = { endMs: monotonicMs() + bounds.briefOpeningMs, walk: walkProcesses() };
  }
  return lastWalk.walk;
}

async function walkProcesses(): Promise<OpenFiles> {
  const unexamined: string[] = [];
  const files: OpenFile[] = [];
  const hidden = new Map<string, number>();
  const pids = listPids(unexamined);
  let mayBeQemu = unexamined.length > 0;
  const endMs = monotonicMs() + bounds.openersScanMs;
  let turnEndMs = monotonicMs() + tuning.openersTurnMs;
  for (const [index, pid] of pids.entries()) {
    mayBeQemu ||= qemuName.test(nameOf(pid));
    try {
      listFiles(pid, files);
    } catch (error) {
      const reason = systemReason(error as NodeJS.ErrnoException);
      if (!isGone(error)) hidden.set(reason, (hidden.get(reason) ?? 0) + 1);
    }
    if (monotonicMs() < turnEndMs) continue;
    await nextTurn();
    if (monotonicMs() > endMs) {
      const left = pids.length - index - 1;
      if (left === 0) break;
      unexamined.push(`the open files of ${left} of ${pids.length} processes, for lack of time`);
      mayBeQemu = true;
      break;
    }
    turnEndMs = monotonicMs() + tuning.openersTurnMs;
  }
  for (const [reason, count] of hidden)
    unexamined.push(
      `the open files of ${count === 1 ? 'another process' : `${count} other processes`}: ${reason}`,
    );
  return { files, unexamined, mayBeQemu };
}

/** The newest process first. */
function listPids(unexamined: string[]): string[] {
  try {
    const skipped = new Set([String(process.pid)]);
    if (!isInFirstPidNamespace()) unexamined.push('the processes outside of this container');
    else for (const pid of kernelThreads()) skipped.add(pid);
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    // The mount option `hidepid` hides the processes of other users. The first process belongs to root.
    if (!pids.includes('1')) unexamined.push('the processes of other users');
    return pids.filter((pid) => !skipped.has(pid)).reverse();
  } catch (error) {
    unexamined.push(`which processes have it open: ${systemReason(error as NodeJS.ErrnoException)}`);
    return [];
  }
}

/** The number of the first namespace is fixed in the kernel (PROC_PID_INIT_INO). */
function isInFirstPidNamespace(): boolean {
  return readlinkSync('/proc/self/ns/pid') === 'pid:[4026531836]';
}

/** Kernel threads are the children of process 2. They have no open files, and there are many. */
function kernelThreads(): string[] {
  try {
    return readFileSync('/proc/2/task/2/children', 'latin1').trim().split(' ');
  } catch (error) {
    // Some kernels do not list the children of a process. The threads are then examined like other processes.
    if (isGone(error)) return [];
    throw error;
  }
}

/** The name of a process. Reading it needs no permission. */
function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1');
  } catch (error) {
    if (isGone(error)) return '';
    throw error;
  }
}

function listFiles(pid: string, files: OpenFile[]): void {
  const directory = `/proc/${pid}/fd`;
  for (const name of readdirSync(directory)) {
    const link = `${directory}/${name}`;
    if (leadsToFile(link)) files.push({ pid, link });
  }
}

/** Most descriptors are pipes, sockets and terminals. Reading the link costs less than `stat`, and excludes them. */
function leadsToFile(link: string): boolean {
  try {
    const path = readlinkSync(link);
    return path.startsWith('/') && path !== '/dev/null' && !path.startsWith('/dev/pts/');
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** Whether a process ended, or a file was closed, during the examination. */
export function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH';
}
