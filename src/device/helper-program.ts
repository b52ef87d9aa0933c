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
