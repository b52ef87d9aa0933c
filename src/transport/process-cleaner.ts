import { spawn } from 'node:child_process';
import { bounds } from '../limits.ts';

/**
 * Reads lists of process ids until its input ends, also because this process was killed. Then it ends the processes of the
 * last list, and removes the directory `$1`.
 */
const script = [
  'pids=',
  'while read -r line; do pids=$line; done',
  'for pid in $pids; do kill -TERM "$pid"; done',
  'for pid in $pids; do',
  `seconds=${Math.ceil(bounds.killAfterMs / 1000)}`,
  'while [ "$seconds" -gt 0 ] && kill -0 "$pid"; do sleep 1; seconds=$((seconds - 1)); done',
  'kill -0 "$pid" && kill -KILL "$pid"',
  'done',
  '[ -z "$1" ] || rm -rf -- "$1"',
].join('\n');

/**
 * Ends the ssh processes of a run, and removes their control socket, if this process is killed or exits without doing so.
 * ssh alone would wait for the remote command, which may never end, or for the network. The cleaner is a process of its own,
 * because a killed process cannot clean up.
 */
export class ProcessCleaner {
  readonly #pids = new Set<number>();
  readonly #sendList: (list: string) => void;
  readonly #endInput: () => void;
  readonly #ended: Promise<void>;

  /** @param directory is removed at the end; undefined if there is none. */
  constructor(directory: string | undefined) {
    try {
      // In a session of its own: a signal from the terminal reaches the whole process group.
      const child = spawn('/bin/sh', ['-c', script, 'basyn-cleaner', directory ?? ''], {
        stdio: ['pipe', 'ignore', 'ignore'],
        detached: true,
        cwd: '/',
      });
      // Despite its type, node leaves the pipe out if it cannot be opened.
      const stdin = child.stdin as typeof child.stdin | undefined;
      stdin?.on('error', () => undefined);
      this.#sendList = (list) => void stdin?.write(list);
      this.#endInput = () => void stdin?.end();
      this.#ended = new Promise((resolve) => {
        child.once('error', () => resolve()).once('exit', () => resolve());
      });
    } catch {
      // A run works without its cleaner. A lack of processes or memory is reported when ssh cannot be started.
      this.#sendList = this.#endInput = () => undefined;
      this.#ended = Promise.resolve();
    }
  }

  /** Ends this process if ours is killed, until {@link forget}. */
  watch(pid: number): void {
    this.#pids.add(pid);
    this.#update();
  }

  /** The process has ended, so another one may get its id. */
  forget(pid: number): void {
    this.#pids.delete(pid);
    this.#update();
  }

  /** Ends the processes that are still watched. Resolves when the cleaner itself has ended. */
  async close(): Promise<void> {
    this.#endInput();
    await this.#ended;
  }

  #update(): void {
    this.#sendList(`${[...this.#pids].join(' ')}\n`);
  }
}
