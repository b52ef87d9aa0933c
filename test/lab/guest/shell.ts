import { execFileSync } from 'node:child_process';

/** Runs a program and returns what it prints. @throws if it fails, with its output. */
export function sh(file: string, args: readonly string[], input?: string | Buffer): Buffer {
  return execFileSync(file, args, {
    stdio: 'pipe',
    maxBuffer: 256 * 1024 * 1024,
    ...(input !== undefined && { input }),
  });
}
