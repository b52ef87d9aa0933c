import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { scratchDirectory } from './scratch.ts';

/** A pipe for a command's stdout or stderr that is not read until `read`. */
export interface UnreadPipe {
  /** For the command; the test closes its own copy with `release` once the command has it. */
  readonly fd: number;
  release(): void;
  /** The current content. */
  read(): string;
}

/** @param fill whether the pipe is full from the beginning, so that no byte fits in. */
export function unreadPipe(fill: 'empty' | 'full'): UnreadPipe {
  const path = join(scratchDirectory(), 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  onTestFinished(() => closeSync(reader));
  if (fill === 'full') {
    const filler = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    while (tried(() => writeSync(filler, Buffer.alloc(4096, '\n'))) !== undefined);
    closeSync(filler);
  }
  const fd = openSync(path, 'w');
  return {
    fd,
    release: () => closeSync(fd),
    read: () => {
      const chunks: Buffer[] = [];
      for (;;) {
        const chunk = Buffer.alloc(65_536);
        const byteCount = tried(() => readSync(reader, chunk)) ?? 0;
        if (byteCount === 0) return Buffer.concat(chunks).toString();
        chunks.push(chunk.subarray(0, byteCount));
      }
    },
  };
}

/** @returns undefined if it would block. */
function tried(act: () => number): number | undefined {
  try {
    return act();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
}
