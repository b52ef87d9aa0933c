import { spawn, type ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';
import { bounds } from '../limits.ts';
import type { DeviceHandle } from './handle.ts';
import { runHelper } from './helper-program.ts';
import { punchInPerl } from './punch-script.ts';
import type { Range } from './range.ts';

/**
 * How a range is released. `punch` makes it read as zeros, or fails. `discard` makes no promise about what it reads as.
 */
export type PunchKind = 'punch' | 'discard';

/**
 * Releases ranges of an open file or block device, for which node has no function. One perl process does it for a whole
 * phase. Without perl, `fallocate` of util-linux is run for each range.
 */
export class Puncher {
  readonly #handle: DeviceHandle;
  readonly #waiting: ((answer: string | undefined) => void)[] = [];
  #child: ChildProcess | undefined;
  #stdin: Writable | undefined;
  #text = '';
  #hasEnded = false;
  #isClosed = false;
  #exited: Promise<void> = Promise.resolve();
  #lastProgram: Promise<unknown> = Promise.resolve();

  constructor(handle: DeviceHandle) {
    this.#handle = handle;
  }

  /**
   * Releases a range.
   *
   * @returns whether the kernel has confirmed it. Never rejects.
   */
  async release(kind: PunchKind, range: Range): Promise<boolean> {
    const answer = await this.#ask(kind, range);
    if (this.#isClosed) return false;
    if (answer !== undefined || kind === 'discard') return answer === '0';
    // One after another: each is a process.
    const done = this.#lastProgram.then(() => this.#punchByProgram(range));
    this.#lastProgram = done;
    return done;
  }

  /**
   * Ends the process. Everything that was confirmed is done. Like the end of a thread, this takes as long as a system call
   * of the process.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    const child = this.#child;
    if (child === undefined) return;
    this.#stdin?.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), bounds.killAfterMs);
    await this.#exited;
    clearTimeout(timer);
  }

  /** @returns the answer of the process; undefined if there is none. */
  #ask(kind: PunchKind, { offsetBytes, lengthBytes }: Range): Promise<string | undefined> {
    if (this.#child === undefined && !this.#hasEnded) this.#start();
    const stdin = this.#stdin;
    if (this.#hasEnded || stdin === undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      stdin.write(`${kind === 'punch' ? 'p' : 'd'} ${offsetBytes} ${lengthBytes}\n`);
    });
  }

  #start(): void {
    try {
      const child = spawn('perl', ['-e', punchInPerl], {
        stdio: ['pipe', 'pipe', 'ignore', this.#handle.fd],
        env: { ...process.env, LC_ALL: 'C' },
      });
      this.#child = child;
      this.#stdin = child.stdin ?? undefined;
      // Its end is reported by `close`.
      child.stdin?.on('error', () => undefined);
      child.stdout?.on('data', (part: Buffer) => this.#receive(part.toString('latin1')));
      this.#exited = new Promise((resolve) => {
        const ended = (): void => {
          this.#end();
          resolve();
        };
        child.once('error', ended).once('close', ended);
      });
    } catch {
      // Node reports some failures to start a program by an event, and throws others. Either way there is no answer.
      this.#end();
    }
  }

  #receive(text: string): void {
    const lines = `${this.#text}${text}`.split('\n');
    this.#text = lines.pop()!;
    for (const line of lines) this.#waiting.shift()?.(line);
  }

  #end(): void {
    this.#hasEnded = true;
    for (const resolve of this.#waiting.splice(0)) resolve(undefined);
  }

  async #punchByProgram({ offsetBytes, lengthBytes }: Range): Promise<boolean> {
    const range = ['--offset', `${offsetBytes}`, '--length', `${lengthBytes}`];
    // It opens the same device by the link of the descriptor that it inherits.
    const end = await runHelper('fallocate', ['--punch-hole', ...range, '/proc/self/fd/3'], {
      inherited: { 3: this.#handle.fd },
    });
    return 'status' in end && end.status === 0;
  }
}
