import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemReason } from '../errors.ts';
import { bounds, tuning } from '../limits.ts';
import { programEnvironment } from './program.ts';
import { cleanerOf, cleanerTagOf, type ProcessName } from './tags.ts';

/**
 * Waits until its input ends, also because the process that holds it was killed. Then it removes the volume with the tag `$1`,
 * after `$2` seconds. While the volume is still open, it tries again. What ends a whole session or service does not end it.
 */
const script = [
  "trap '' HUP INT TERM",
  'keep=$2',
  'while read -r word; do',
  'case $word in done) exit 0 ;; now) keep=0 ;; esac',
  'done',
  '[ "$keep" -eq 0 ] || sleep "$keep"',
  `tries=${bounds.cleanerTries}`,
  'until lvremove --yes "@$1"; do tries=$((tries - 1)); [ "$tries" -gt 0 ] || exit 1; sleep 1; done',
].join('\n');

/**
 * A process that removes a snapshot if this one can't: it was killed, a signal ends it, or LVM takes longer than a user waits
 * after a signal.
 */
export class SnapshotCleaner {
  /** Names the cleaner in the tags of the snapshot. */
  readonly tag: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(child: ChildProcess, tag: string) {
    this.#child = child;
    this.tag = tag;
    // A write to a cleaner that has ended fails with EPIPE. The caller then removes the snapshot itself.
    child.stdin?.on('error', () => undefined);
    this.#ended = new Promise((resolve) => child.once('exit', () => resolve()));
    child.unref();
  }

  /**
   * @param idTag of the snapshot.
   * @param keepMs how long the snapshot stays after the end of this process, for a later attempt of the run.
   * @returns a clause if it can't be started.
   */
  static async start(idTag: string, keepMs: number): Promise<SnapshotCleaner | string> {
    try {
      // In a session of its own: a signal from the terminal reaches the whole process group.
      const child = spawn('/bin/sh', ['-c', script, 'basyn-snapshot', idTag, `${Math.ceil(keepMs / 1000)}`], {
        stdio: ['pipe', 'ignore', 'ignore'],
        detached: true,
        cwd: '/',
        env: programEnvironment(),
      });
      await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
      const name = processName(child.pid!);
      return name === undefined ? '/proc is not mounted' : new SnapshotCleaner(child, cleanerTagOf(name));
    } catch (error) {
      return `/bin/sh can't be started: ${systemReason(error as NodeJS.ErrnoException)}`;
    }
  }

  /** From now on it removes the snapshot as soon as this process ends, whatever it was started with. */
  keepNoLonger(): void {
    this.#child.stdin?.write('now\n');
  }

  /** The same as the end of this process: it removes the snapshot, after the time for which it was to keep it. */
  letGo(): void {
    this.#child.stdin?.end();
  }

  /** Ends it. The snapshot stays. */
  async dismiss(): Promise<void> {
    this.#child.ref();
    this.#child.stdin?.end('done\n');
    await this.#ended;
  }
}

/**
 * Ends the cleaner of an earlier attempt, with what it does.
 *
 * @param tag names the cleaner.
 */
export async function endCleaner(tag: string): Promise<void> {
  const endMs = bounds.killAfterMs / tuning.predecessorPollMs;
  for (let count = 0; isCleanerAlive(tag) && count < endMs; count++) {
    try {
      // With its process group, which is its own.
      process.kill(-cleanerOf(tag)!.pid, 'SIGUSR1');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    await sleep(tuning.predecessorPollMs);
  }
}

/** Whether the cleaner that a tag names is still there. */
export function isCleanerAlive(tag: string): boolean {
  const cleaner = cleanerOf(tag);
  if (cleaner === undefined) return false;
  const now = processName(cleaner.pid);
  return now !== undefined && cleanerTagOf(now) === cleanerTagOf(cleaner);
}

/** Undefined if there is no such process, or if it has ended. */
function processName(pid: number): ProcessName | undefined {
  try {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the name of the program, in parentheses, and may hold anything. The third is the state, the 22nd the start.
    const [state, ...later] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const startTicks = later[18];
    return startTicks === undefined || state === 'Z' ? undefined : { bootId, pid, startTicks };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return undefined;
  }
}
