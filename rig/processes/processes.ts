import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A live process; `startTicks` distinguishes it from a later one with the same pid. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parentPid: number;
  readonly startTicks: number;
  readonly name: string;
}

/** The processes of this test run at one moment, for `assertNothingLeft`. */
export type ProcessSnapshot = ReadonlySet<string>;

/**
 * Set in the environment of every process that this test process starts, including over ssh. It identifies
 * a process whose parents have ended and that init has adopted.
 */
export const runMarker = randomUUID();
process.env.BASYN_TEST_RUN = runMarker;

/** The descendants of this test process now. Take it before the work, and compare after it. */
export function snapshotProcesses(): ProcessSnapshot {
  return new Set(ourProcesses().map(identity));
}

/** Waits for all new processes of this test to end. Throws if they do not end. */
export async function assertNothingLeft(before: ProcessSnapshot, withinMs = 5000): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const left = ourProcesses().filter((info) => !before.has(identity(info)));
    if (left.length === 0) return;
    if (performance.now() > deadlineMs) {
      const lines = left.map(({ pid, parentPid, name }) => `  ${pid} (child of ${parentPid}) ${name}`);
      throw new Error(`left behind after ${withinMs} ms:\n${lines.join('\n')}`);
    }
    await sleep(20);
  }
}

/** All live processes below this one, parents before their children. */
export function descendants(pid: number): ProcessInfo[] {
  return below(pid, listProcesses());
}

/** Kills a process and all its descendants at once. Synchronous, so that it can be used at exit. */
export function killTree(pid: number): void {
  // The top first: a server must not replace its killed children.
  const doomed = descendants(pid);
  kill(pid);
  for (const info of doomed) {
    const now = readProcess(info.pid);
    if (now !== undefined && identity(now) === identity(info)) kill(info.pid);
  }
}

/** CPU time, user and system, of all ended descendants that this process's tree has waited for. */
export function reapedCpuMs(pid: number): number {
  const [, , , , , , , , , , , , , childrenUserTicks = 0, childrenSystemTicks = 0] =
    readStatFields(pid) ?? [];
  return (Number(childrenUserTicks) + Number(childrenSystemTicks)) * MS_PER_TICK;
}

/** Linux reports times to user space in hundredths of a second, whatever the kernel's own tick is. */
const MS_PER_TICK = 10;

function ourProcesses(): ProcessInfo[] {
  const all = listProcesses();
  const mine = new Set(below(process.pid, all));
  for (const info of all) {
    if (info.pid !== process.pid && hasMarker(info.pid)) mine.add(info);
  }
  return [...mine];
}

function below(pid: number, all: readonly ProcessInfo[]): ProcessInfo[] {
  const found: ProcessInfo[] = [];
  const parents = [pid];
  for (const parent of parents) {
    const children = all.filter(({ parentPid }) => parentPid === parent);
    found.push(...children);
    parents.push(...children.map((child) => child.pid));
  }
  return found;
}

function listProcesses(): ProcessInfo[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((info) => info !== undefined);
}

function readProcess(pid: number): ProcessInfo | undefined {
  const fields = readStatFields(pid);
  // A zombie has ended; its parent has only not waited for it yet.
  if (fields === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  const name = readProc(pid, 'cmdline')?.replaceAll('\0', ' ').slice(0, 200).trim() ?? '';
  return { pid, parentPid: Number(fields[1]), startTicks: Number(fields[19]), name };
}

/** The fields of /proc/PID/stat from the third, `state`, on: the second may hold blanks and brackets. */
function readStatFields(pid: number): string[] | undefined {
  const stat = readProc(pid, 'stat');
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function hasMarker(pid: number): boolean {
  return readProc(pid, 'environ')?.split('\0').includes(`BASYN_TEST_RUN=${runMarker}`) ?? false;
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    // It has ended in the meantime, or belongs to another user.
    return undefined;
  }
}

function identity({ pid, startTicks }: ProcessInfo): string {
  return `${pid}:${startTicks}`;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended in the meantime.
  }
}
