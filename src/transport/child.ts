import { spawn, type ChildProcess } from 'node:child_process';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { limits } from '../limits.ts';
import type { ProcessGuard } from './process-guard.ts';

/** How a child ended. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it could not even be started. */
  readonly spawnError?: NodeJS.ErrnoException;
}

/** A child's pipes are sockets, which count. */
type CountingWritable = Writable & { readonly bytesWritten: number };
type CountingReadable = Readable & { readonly bytesRead: number };

/** A child process whose stdin and stdout are ours. */
export class Child {
  readonly stdin: CountingWritable;
  readonly stdout: CountingReadable;
  readonly stderr: Readable;
  /**
   * Resolves when it has ended and all that it wrote has been read. What else holds its stderr (a `ProxyCommand` that
   * outlives its ssh) is not waited for.
   */
  readonly exit: Promise<ChildExit>;
  readonly #kill: (signal: NodeJS.Signals) => void;

  /** @param guard ends the child if we are killed. */
  constructor(file: string, args: readonly string[], guard: ProcessGuard) {
    const { child, spawnError } = start(file, args);
    this.stdin = (child?.stdin ?? endedStream()) as CountingWritable;
    this.stdout = (child?.stdout ?? endedStream()) as CountingReadable;
    this.stderr = child?.stderr ?? endedStream();
    this.#kill = (signal) => child?.kill(signal);
    this.exit = new Promise((resolve) => {
      if (spawnError !== undefined) resolve({ code: null, signal: null, spawnError });
      child?.once('error', (error) => resolve({ code: null, signal: null, spawnError: error }));
      child?.once('close', (code, signal) => resolve({ code, signal }));
    });
    const pid = child?.pid;
    if (pid !== undefined) guard.watch(pid);
    child?.once('exit', () => {
      if (pid !== undefined) guard.forget(pid);
      setTimeout(() => this.stderr.destroy(), limits.stderrGraceMs).unref();
    });
    // Writing to a child that has ended is an EPIPE, which its exit explains better.
    this.stdin.on('error', () => undefined);
    this.stdout.on('error', () => undefined);
  }

  /** Ends its stdin, by which an agent ends; asks it to end after a while, and then kills it. */
  async end(): Promise<ChildExit> {
    this.stdin.end();
    return this.#endBy([() => this.#kill('SIGTERM'), () => this.#kill('SIGKILL'), () => this.#letGo()]);
  }

  /** Ends it at once. */
  async stop(): Promise<ChildExit> {
    this.#kill('SIGTERM');
    this.stdin.destroy();
    return this.#endBy([() => this.#kill('SIGKILL'), () => this.#letGo()]);
  }

  /** Each step is taken where the one before has not led to the end. */
  async #endBy(steps: readonly (() => void)[]): Promise<ChildExit> {
    // Nobody reads any more; without a reader, a child that still writes would never end.
    this.stdout.resume();
    const timers = steps.map((step, index) => setTimeout(step, (index + 1) * limits.killAfterMs));
    try {
      return await this.exit;
    } finally {
      timers.forEach(clearTimeout);
    }
  }

  /** It is dead, but what it has started (an `ssh` that is a script) still holds its pipes. */
  #letGo(): void {
    this.stdout.destroy();
    this.stderr.destroy();
  }
}

/** A child without pipes, where the limit on open files is reached; or none, with the reason. */
interface Start {
  readonly child?: Partial<Pick<ChildProcess, 'stdin' | 'stdout' | 'stderr'>> &
    Omit<ChildProcess, 'stdin' | 'stdout' | 'stderr'>;
  readonly spawnError?: NodeJS.ErrnoException;
}

/** Node reports some failures by an event, and throws others. */
function start(file: string, args: readonly string[]): Start {
  try {
    return { child: spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] }) };
  } catch (error) {
    return { spawnError: error as NodeJS.ErrnoException };
  }
}

/** In place of a pipe to a child that was not started. */
function endedStream(): PassThrough & { readonly bytesRead: number; readonly bytesWritten: number } {
  return Object.assign(new PassThrough().end(), { bytesRead: 0, bytesWritten: 0 });
}
