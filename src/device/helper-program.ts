import { spawn, type ChildProcess } from 'node:child_process';

/** How a helper program ended. A `status` of `null` means that a signal, the timeout or the length of its output ended it. */
export type HelperEnd =
  { readonly status: number | null; readonly output: Buffer } | { readonly error: NodeJS.ErrnoException };

/** How a helper program is run. */
export interface HelperOptions {
  /** Descriptors that the program inherits, by the number under which it sees them. */
  readonly inherited?: Readonly<Partial<Record<1 | 3, number>>>;
  /** Left out, the program may run as long as it needs. */
  readonly timeoutMs?: number;
  /** A program that prints more is ended. Left out, its output is not read. */
  readonly mostOutputBytes?: number;
}

/**
 * Runs a program that makes a system call for which node has no function. Never rejects: the caller decides whether the run
 * can do without it.
 */
export async function runHelper(
  file: string,
  args: readonly string[],
  options: HelperOptions,
): Promise<HelperEnd> {
  const { inherited = {}, mostOutputBytes } = options;
  const output = mostOutputBytes === undefined ? 'ignore' : 'pipe';
  try {
    const child = spawn(file, args, {
      stdio: ['ignore', inherited[1] ?? output, 'ignore', inherited[3] ?? 'ignore'],
      // The program starts in half the time if it loads no locale.
      env: { ...process.env, LC_ALL: 'C' },
    });
    return await endOf(child, options);
  } catch (error) {
    // Node reports some failures to start a program by an event, and throws others.
    return { error: error as NodeJS.ErrnoException };
  }
}

function endOf(child: ChildProcess, { timeoutMs, mostOutputBytes = 0 }: HelperOptions): Promise<HelperEnd> {
  const { stdout } = child;
  const parts: Buffer[] = [];
  let outputBytes = 0;
  const kill = (): void => {
    child.kill('SIGKILL');
    // A process that the program has started may keep the pipe open.
    stdout?.destroy();
  };
  stdout?.on('data', (part: Buffer) => {
    parts.push(part);
    outputBytes += part.byteLength;
    if (outputBytes > mostOutputBytes) kill();
  });
  const timer = timeoutMs === undefined ? undefined : setTimeout(kill, timeoutMs);
  return new Promise((resolve) => {
    child
      .once('error', (error) => {
        clearTimeout(timer);
        resolve({ error });
      })
      // After `exit`, and after all output.
      .once('close', (status) => {
        clearTimeout(timer);
        resolve({ status: outputBytes > mostOutputBytes ? null : status, output: Buffer.concat(parts) });
      });
  });
}
