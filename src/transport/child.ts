import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { limits } from '../limits.ts';

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
  /** Resolves when it has ended and all that it wrote has been read. */
  readonly exit: Promise<ChildExit>;
  readonly #kill: (signal: NodeJS.Signals) => void;

  constructor(file: string, args: readonly string[]) {
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.stdin = child.stdin as CountingWritable;
    this.stdout = child.stdout as CountingReadable;
    this.stderr = child.stderr;
    this.#kill = (signal) => child.kill(signal);
    this.exit = new Promise((resolve) => {
      child.once('error', (spawnError) => resolve({ code: null, signal: null, spawnError }));
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    // Writing to a child that has ended is an EPIPE, which its exit explains better.
    this.stdin.on('error', () => undefined);
    this.stdout.on('error', () => undefined);
  }

  /** Ends its stdin, by which an agent ends; asks it to end after a while, and then kills it. */
  async end(): Promise<ChildExit> {
    this.stdin.end();
    // Nobody reads any more; without a reader, a child that still writes would never end.
    this.stdout.resume();
    const timers = [
      setTimeout(() => this.#kill('SIGTERM'), limits.killAfterMs),
      setTimeout(() => this.#kill('SIGKILL'), 2 * limits.killAfterMs),
    ];
    try {
      return await this.exit;
    } finally {
      timers.forEach(clearTimeout);
    }
  }

  /** Ends it at once. */
  async stop(): Promise<ChildExit> {
    this.#kill('SIGTERM');
    this.stdin.destroy();
    this.stdout.resume();
    const timer = setTimeout(() => this.#kill('SIGKILL'), limits.killAfterMs);
    try {
      return await this.exit;
    } finally {
      clearTimeout(timer);
    }
  }
}
