import { spawn } from 'node:child_process';
import { systemReason } from '../errors.ts';
import { bounds } from '../limits.ts';

/** How a program of LVM or device-mapper ended. */
export interface ProgramEnd {
  /** Undefined if it could not be started, or if the timeout or a signal ended it. */
  readonly status: number | undefined;
  readonly output: string;
  /** Why it failed, as a clause. Empty if it succeeded. */
  readonly reason: string;
  /** The program does not exist. */
  readonly isMissing: boolean;
}

/** The environment of these programs: no translated messages, and the directories of system programs. */
export function programEnvironment(): NodeJS.ProcessEnv {
  const path = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;
  return { ...process.env, LC_ALL: 'C', PATH: path, LVM_SUPPRESS_FD_WARNINGS: '1' };
}

/**
 * Runs a program and collects its output. Never rejects.
 *
 * A program that does not end in time gets SIGTERM, never SIGKILL: LVM blocks signals while it changes a volume group, and a
 * killed one could leave volumes suspended.
 */
export async function runProgram(
  file: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<ProgramEnd> {
  try {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: programEnvironment() });
    const output = collect(child.stdout, () => child.kill('SIGTERM'));
    const errors = collect(child.stderr, () => undefined);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGTERM');
    }, timeoutMs);
    return await new Promise((resolve) => {
      child.once('error', (error) => {
        clearTimeout(timer);
        resolve(notStarted(file, error));
      });
      child.once('close', (status, signal) => {
        clearTimeout(timer);
        const reason = isLate ? `did not end within ${timeoutMs / 1000} s` : complaintIn(errors.text());
        const isComplete = status !== null && !output.isTooLong();
        const how = reason || (signal === null ? `ended with status ${status}` : `was ended by ${signal}`);
        resolve({
          status: isComplete ? status : undefined,
          output: output.text(),
          reason: isComplete && status === 0 ? '' : `${file}: ${how}`,
          isMissing: false,
        });
      });
    });
  } catch (error) {
    // Node reports some failures to start a program by an event, and throws others.
    return notStarted(file, error as NodeJS.ErrnoException);
  }
}

function notStarted(file: string, error: NodeJS.ErrnoException): ProgramEnd {
  return {
    status: undefined,
    output: '',
    reason: `${file} can't be started: ${systemReason(error)}`,
    isMissing: error.code === 'ENOENT',
  };
}

function collect(
  stream: NodeJS.ReadableStream,
  onTooLong: () => void,
): { readonly text: () => string; readonly isTooLong: () => boolean } {
  const parts: Buffer[] = [];
  let lengthBytes = 0;
  stream.on('data', (part: Buffer) => {
    lengthBytes += part.byteLength;
    if (lengthBytes <= bounds.programOutputBytes) parts.push(part);
    else onTooLong();
  });
  return {
    text: () => Buffer.concat(parts).toString(),
    isTooLong: () => lengthBytes > bounds.programOutputBytes,
  };
}

/** What a program of LVM complains about, as one clause. Its warnings are about other things. */
export function complaintIn(errors: string): string {
  return errors
    .split('\n')
    .map((line) => line.trim().replace(/\.$/, ''))
    .filter((line) => line !== '' && !line.startsWith('WARNING'))
    .slice(0, bounds.lvmComplaint.lines)
    .join('; ')
    .slice(0, bounds.lvmComplaint.characters);
}
