import { spawn } from 'node:child_process';

/** How a helper program ended. A `status` of `null` means that a signal or the timeout ended it. */
export type HelperEnd = { readonly status: number | null } | { readonly error: NodeJS.ErrnoException };

/** How a helper program is run. */
export interface HelperOptions {
  /** Descriptors that the program inherits, by the number under which it sees them. */
  readonly inherited?: Readonly<Partial<Record<1 | 3, number>>>;
  /** Left out, the program may run as long as it needs. */
  readonly timeoutMs?: number;
}

/**
 * Runs a program that makes a system call for which node has no function. It prints nothing. Never rejects: the caller
 * decides whether the run can do without it.
 */
export async function runHelper(
  file: string,
  args: readonly string[],
  { inherited = {}, timeoutMs }: HelperOptions,
): Promise<HelperEnd> {
  try {
    const child = spawn(file, args, {
      stdio: ['ignore', inherited[1] ?? 'ignore', 'ignore', inherited[3] ?? 'ignore'],
      // The program starts in half the time if it loads no locale.
      env: { ...process.env, LC_ALL: 'C' },
      ...(timeoutMs !== undefined && { timeout: timeoutMs }),
    });
    return await new Promise((resolve) => {
      child.once('error', (error) => resolve({ error })).once('exit', (status) => resolve({ status }));
    });
  } catch (error) {
    // Node reports some failures to start a program by an event, and throws others.
    return { error: error as NodeJS.ErrnoException };
  }
}

/** What a helper program printed, and how it ended. */
export type HelperOutput =
  { readonly status: number | null; readonly output: Buffer } | { readonly error: NodeJS.ErrnoException };

/** How a helper program is run whose output is read. */
export interface ReadHelperOptions {
  /** Descriptors that the program inherits, by the number under which it sees them. */
  readonly inherited?: Readonly<Record<3, number>>;
  readonly timeoutMs: number;
  /** A program that prints more is ended, as by the timeout. */
  readonly mostBytes: number;
}

/** Runs a program as {@link runHelper} does, and reads what it prints. Never rejects. */
export async function readHelper(
  file: string,
  args: readonly string[],
  { inherited, timeoutMs, mostBytes }: ReadHelperOptions,
): Promise<HelperOutput> {
  try {
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'ignore', inherited?.[3] ?? 'ignore'],
      env: { ...process.env, LC_ALL: 'C' },
    });
    const { stdout } = child;
    const parts: Buffer[] = [];
    let lengthBytes = 0;
    // A process that the program has started may keep the pipe open.
    const end = (): void => {
      child.kill('SIGKILL');
      stdout?.destroy();
    };
    stdout?.on('data', (part: Buffer) => {
      parts.push(part);
      lengthBytes += part.byteLength;
      if (lengthBytes > mostBytes) end();
    });
    const timer = setTimeout(end, timeoutMs);
    return await new Promise((resolve) => {
      child
        .once('error', (error) => {
          clearTimeout(timer);
          resolve({ error });
        })
        // After `exit`, and after all output.
        .once('close', (status) => {
          clearTimeout(timer);
          resolve({ status: lengthBytes > mostBytes ? null : status, output: Buffer.concat(parts) });
        });
    });
  } catch (error) {
    return { error: error as NodeJS.ErrnoException };
  }
}
