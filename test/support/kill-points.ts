import { readFileSync } from 'node:fs';

/** A place in a run: before a thread's call of this kind on the target, counted from 1 for each thread. */
export interface KillPoint {
  readonly call: string;
  readonly count: number;
}

const calls = ['pwrite64', 'pwritev', 'write', 'writev', 'fdatasync', 'fsync'];
/** Threads take calls in no fixed order. With one thread for flushes, each run has the same places. */
const settings = ['env', 'UV_USE_IO_URING=0', 'UV_THREADPOOL_SIZE=1'];

/** The command that records a run's calls on the target; the program to be recorded follows. */
export function recordingCommand(logPath: string, target: string): string[] {
  return [...settings, 'strace', '--seccomp-bpf', ...filter(calls), '-P', target, '-o', logPath];
}

/**
 * The command that kills a run at this place: the call itself is not made. The program to be killed follows. With
 * `--seccomp-bpf`, which is faster, strace 6.1 does not send some of its signals.
 */
export function killingCommand(logPath: string, target: string, { call, count }: KillPoint): string[] {
  const inject = `--inject=${call}:signal=SIGKILL:when=${count}`;
  return [...settings, 'strace', ...filter([call]), inject, '-P', target, '-o', logPath];
}

/** Whether a run of {@link killingCommand} was killed instead of ending by itself. */
export function wasKilled(logPath: string): boolean {
  return readFileSync(logPath, 'latin1').includes('+++ killed by SIGKILL +++');
}

/** All the places of the run that was recorded. */
export function killPointsOf(logPath: string): KillPoint[] {
  const counts = new Map<string, Map<string, number>>();
  for (const line of readFileSync(logPath, 'latin1').split('\n')) {
    const [, thread, call] = /^(\d+)\s+(\w+)\(/.exec(line) ?? [];
    if (thread === undefined || call === undefined) continue;
    const ofCall = counts.get(call) ?? new Map<string, number>();
    counts.set(call, ofCall.set(thread, (ofCall.get(thread) ?? 0) + 1));
  }
  return [...counts].flatMap(([call, ofThreads]) =>
    Array.from({ length: Math.max(...ofThreads.values()) }, (_, index) => ({ call, count: index + 1 })),
  );
}

function filter(traced: readonly string[]): string[] {
  return ['-f', `--trace=${traced.join(',')}`];
}
