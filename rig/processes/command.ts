import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { killTree } from './processes.ts';

export interface CommandOptions {
  /** After this time the command and all its descendants are killed. */
  readonly deadlineMs?: number;
  /** The limit for stdout and stderr each. Output beyond it is dropped without an error. */
  readonly outputBytesMax?: number;
  /** Written to stdin, which is then closed; without it stdin is empty. */
  readonly input?: string | Buffer;
  readonly cwd?: string;
  /** Added to this process's environment; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** How a command ended; a failure has the same shape as a success. */
export interface CommandResult {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly deadlineExceeded: boolean;
  readonly stdout: string;
  readonly stderr: string;
  readonly wallMs: number;
}

/** A running command: end it by a signal to its pid, and await its result. */
export interface RunningCommand {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly result: Promise<CommandResult>;
}

/** Runs a command to its end. Never rejects for a failing command, only for one that can't be started. */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { result } = await startCommand(file, args, options);
  return result;
}

/** Starts a command, for tests that examine or disturb it while it runs. */
export async function startCommand(
  file: string,
  args: readonly string[],
  { deadlineMs = 60_000, outputBytesMax = 1024 * 1024, input = '', cwd, env }: CommandOptions = {},
): Promise<RunningCommand> {
  const startedMs = performance.now();
  const child = spawn(file, args, { cwd, env: { ...process.env, ...env }, stdio: 'pipe' });
  const stdout = collect(child.stdout, outputBytesMax);
  const stderr = collect(child.stderr, outputBytesMax);
  const ended = new Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.on('close', (exitCode, signal) => resolve({ exitCode, signal }));
  });
  await once(child, 'spawn');
  const pid = child.pid!;
  // A command that ends without reading its input does not fail the test.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);

  let deadlineExceeded = false;
  const deadline = setTimeout(() => {
    deadlineExceeded = true;
    killTree(pid);
    // A process that escaped the tree may still hold the pipes open, and the wait would not end.
    child.stdout.destroy();
    child.stderr.destroy();
  }, deadlineMs);
  const result = ended.then(({ exitCode, signal }) => {
    clearTimeout(deadline);
    const wallMs = performance.now() - startedMs;
    return { exitCode, signal, deadlineExceeded, stdout: stdout(), stderr: stderr(), wallMs };
  });
  return { pid, child, result };
}

/** Waits until a stream contains these words. */
export async function lineWith(stream: NodeJS.ReadableStream, words: string): Promise<void> {
  let text = '';
  await new Promise<void>((resolve, reject) => {
    stream.on('data', (bytes: Buffer) => {
      text += bytes.toString();
      if (text.includes(words)) resolve();
    });
    stream.on('end', () => reject(new Error(`"${words}" was never said, but:\n${text}`)));
  });
}

/** Keeps the first bytes of a stream, and discards the rest so that the writer does not block. */
function collect(stream: NodeJS.ReadableStream, bytesMax: number): () => string {
  const chunks: Buffer[] = [];
  let roomBytes = bytesMax;
  stream.on('data', (chunk: Buffer) => {
    if (roomBytes > 0) chunks.push(chunk.subarray(0, roomBytes));
    roomBytes -= chunk.length;
  });
  return () => Buffer.concat(chunks).toString();
}
