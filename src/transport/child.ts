import { spawn, type ChildProcess } from 'node:child_process';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { bounds } from '../limits.ts';
import { limitedReadable, limitedWritable } from './limited-pipes.ts';
import type { ProcessCleaner } from './process-cleaner.ts';
import type { RateLimit } from './rate-limit.ts';

/** How a child ended. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it could not even be started. */
  readonly spawnError?: NodeJS.ErrnoException;
}

/** How a process ended, as a verb: "was ended by SIGKILL". */
export function endInWords({ code, signal }: ChildExit): string {
  return signal === null ? `ended with status ${code ?? 'unknown'}` : `was ended by ${signal}`;
}

/** A child's pipes are sockets, which count their bytes. */
type CountingWritable = Writable & { readonly bytesWritten: number };
type CountingReadable = Readable & { readonly bytesRead: number };

/** A child process whose stdin and stdout are ours. */
export class Child {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /**
   * Resolves when it has ended and all of its output has been read. It does not wait for another process that holds its
   * stderr, such as a `ProxyCommand` that outlives its ssh.
   */
  readonly exit: Promise<ChildExit>;
  /** The pipes themselves. `stdin` and `stdout` may pass them on at a limited rate. */
  readonly #pipes: { readonly stdin: CountingWritable; readonly stdout: CountingReadable };
  /** Aborted when the child has to end: nothing is limited any more. */
  readonly #over = new AbortController();
  readonly #kill: (signal: NodeJS.Signals) => void;

  /**
   * @param cleaner ends the child if we are killed.
   * @param limit of stdin and stdout. Undefined: they are not limited.
   */
  constructor(file: string, args: readonly string[], cleaner: ProcessCleaner, limit?: RateLimit) {
    const { child, spawnError } = start(file, args);
    const stdin = (child?.stdin ?? endedStream()) as CountingWritable;
    const stdout = (child?.stdout ?? endedStream()) as CountingReadable;
    this.#pipes = { stdin, stdout };
    this.stdin = limit === undefined ? stdin : limitedWritable(stdin, limit, this.#over.signal);
    this.stdout = limit === undefined ? stdout : limitedReadable(stdout, limit, this.#over.signal);
    this.stderr = child?.stderr ?? endedStream();
    this.#kill = (signal) => child?.kill(signal);
    this.exit = new Promise((resolve) => {
      if (spawnError !== undefined) resolve({ code: null, signal: null, spawnError });
      child?.once('error', (error) => resolve({ code: null, signal: null, spawnError: error }));
      child?.once('close', (code, signal) => resolve({ code, signal }));
    });
    const pid = child?.pid;
    if (pid !== undefined) cleaner.watch(pid);
    child?.once('exit', () => {
      if (pid !== undefined) cleaner.forget(pid);
      setTimeout(() => this.stderr.destroy(), bounds.stderrGraceMs).unref();
    });
    // A write to a child that has ended fails with EPIPE; its exit explains the failure better.
    for (const stream of [stdin, stdout, this.stdin, this.stdout]) stream.on('error', () => undefined);
  }

  /** Bytes that its stdin has been given so far. */
  get bytesWritten(): number {
    return this.#pipes.stdin.bytesWritten;
  }

  /** Bytes that its stdout has delivered so far. */
  get bytesRead(): number {
    return this.#pipes.stdout.bytesRead;
  }

  /** Ends its stdin, which ends an agent. A child that remains gets SIGTERM after a while, and then SIGKILL. */
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

  /** Takes one step after the other until the child ends. */
  async #endBy(steps: readonly (() => void)[]): Promise<ChildExit> {
    this.#over.abort();
    // Nothing reads its output any more. Without a reader, a child that still writes would never end.
    this.stdout.resume();
    const timers = steps.map((step, index) => setTimeout(step, (index + 1) * bounds.killAfterMs));
    try {
      return await this.exit;
    } finally {
      timers.forEach(clearTimeout);
    }
  }

  /** The child is dead, but a process that it has started still holds its pipes: `ssh` may be a script. */
  #letGo(): void {
    this.#pipes.stdout.destroy();
    this.stderr.destroy();
  }
}

/** A child, which has no pipes where the limit on open files was reached; or the reason why there is none. */
interface Start {
  readonly child?: Partial<Pick<ChildProcess, 'stdin' | 'stdout' | 'stderr'>> &
    Omit<ChildProcess, 'stdin' | 'stdout' | 'stderr'>;
  readonly spawnError?: NodeJS.ErrnoException;
}

/** Node throws some failures, and reports others by an event. */
function start(file: string, args: readonly string[]): Start {
  try {
    return { child: spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] }) };
  } catch (error) {
    return { spawnError: error as NodeJS.ErrnoException };
  }
}

/** Stands for a pipe to a child that was not started. */
function endedStream(): PassThrough & { readonly bytesRead: number; readonly bytesWritten: number } {
  return Object.assign(new PassThrough().end(), { bytesRead: 0, bytesWritten: 0 });
}
