import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../clock.ts';
import { BasynError } from '../errors.ts';
import { bounds, tuning } from '../limits.ts';
import type { RunAttempt } from '../protocol/schemas.ts';

/**
 * Ends the agents of earlier attempts of this run. One whose link carries nothing more would keep its device, and could
 * still write what it has received. Resolves when none of their threads is left, so none of them can write any more.
 * Gives this process the name by which a later attempt finds it.
 *
 * @param timeoutMs a thread that waits for a disk ends only when the disk answers.
 * @throws {BasynError} `device`, where an earlier agent does not end, or where that cannot be determined.
 */
export async function endPredecessors({ token, attempt }: RunAttempt, timeoutMs: number): Promise<void> {
  const name = nameOf(token);
  process.title = name;
  if (attempt === 1) return;
  const startMs = monotonicMs();
  for (const pid of processesNamed(name)) {
    while (pid !== process.pid && isAlive(pid)) {
      const elapsedMs = monotonicMs() - startMs;
      if (elapsedMs > timeoutMs) throw stillThere(`process ${pid} does not end`);
      end(pid, elapsedMs > bounds.killAfterMs ? 'SIGKILL' : 'SIGTERM');
      await sleep(tuning.predecessorPollMs);
    }
  }
}

/** The kernel keeps 15 characters of a name, also after the first thread has ended. */
const nameCharacters = 15;

function nameOf(token: string): string {
  return `basyn-${token}`.slice(0, nameCharacters);
}

function processesNamed(name: string): number[] {
  try {
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry) && readIfThere(`/proc/${entry}/comm`).trim() === name)
      .map(Number);
  } catch (error) {
    throw stillThere("that can't be determined without /proc", error);
  }
}

/** Whether a thread is left. The first one remains as a zombie until the others have ended. */
function isAlive(pid: number): boolean {
  const [, state] = /\) (\w)[^)]*$/.exec(readIfThere(`/proc/${pid}/stat`)) ?? [];
  if (state === undefined) return false;
  return state !== 'Z' || threadCount(pid) > 1;
}

function threadCount(pid: number): number {
  const [, count] = /^Threads:\s+(\d+)/m.exec(readIfThere(`/proc/${pid}/status`)) ?? [];
  return Number(count ?? 0);
}

/** An empty text where the process has ended. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  }
}

function end(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') {
      throw stillThere(`process ${pid} can't be ended`, error);
    }
  }
}

function stillThere(reason: string, cause?: unknown): BasynError {
  const sentence = `The remote agent of an earlier attempt may still write: ${reason}.`;
  return new BasynError('device', sentence, { side: 'remote' }, { cause });
}
