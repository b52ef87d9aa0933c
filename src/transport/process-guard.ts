import { spawn } from 'node:child_process';
import { limits } from '../limits.ts';

/**
 * Reads lists of process ids until its input ends, which it also does when we are killed. Then ends the processes of the
 * last list, and removes the directory `$1`.
 */
const script = [
  'pids=',
  'while read -r line; do pids=$line; done',
  'for pid in $pids; do kill -TERM "$pid"; done',
  'for pid in $pids; do',
  `seconds=${Math.ceil(limits.killAfterMs / 1000)}`,
  'while [ "$seconds" -gt 0 ] && kill -0 "$pid"; do sleep 1; seconds=$((seconds - 1)); done',
  'kill -0 "$pid" && kill -KILL "$pid"',
  'done',
  '[ -z "$1" ] || rm -rf -- "$1"',
].join('\n');

/**
 * Ends our ssh processes, and removes their control socket, if we are killed or exit without doing so ourselves. ssh
 * alone would wait for the remote command, which may never end, or for the network. It needs a process of its own: a
 * killed process can do nothing any more.
 */
export class ProcessGuard {
  readonly #pids = new Set<number>();
  readonly #sendList: (list: string) => void;
  readonly #endInput: () => void;
  readonly #ended: Promise<void>;

  /** @param directory is removed at the end; undefined if there is none. */
  constructor(directory: string | undefined) {
    try {
      // In a session of its own: a signal from the terminal reaches our whole process group.
      const child = spawn('/bin/sh', ['-c', script, 'basyn-guard', directory ?? ''], {
        stdio: ['pipe', 'ignore', 'ignore'],
        detached: true,
        cwd: '/',
      });
      // Node leaves the pipe out if it cannot be opened, whatever its types say.
      const stdin = child.stdin as typeof child.stdin | undefined;
      stdin?.on('error', () => undefined);
      this.#sendList = (list) => void stdin?.write(list);
      this.#endInput = () => void stdin?.end();
      this.#ended = new Promise((resolve) => {
        child.once('error', () => resolve()).once('exit', () => resolve());
      });
    } catch {
      // A run does not need its guard, and a lack of processes or memory is reported when ssh cannot be started.
      this.#sendList = this.#endInput = () => undefined;
      this.#ended = Promise.resolve();
    }
  }

  /** Ends this process with us, until {@link forget}. */
  watch(pid: number): void {
    this.#pids.add(pid);
    this.#update();
  }

  /** The process has ended: its id may be given to another one. */
  forget(pid: number): void {
    this.#pids.delete(pid);
    this.#update();
  }

  /** Ends what is still watched. Resolves when the guard itself has ended. */
  async close(): Promise<void> {
    this.#endInput();
    await this.#ended;
  }

  #update(): void {
    this.#sendList(`${[...this.#pids].join(' ')}\n`);
  }
}
