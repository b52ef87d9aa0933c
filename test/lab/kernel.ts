import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atExit, memoryDirectory } from '../../rig/temporary.ts';

/** How the guest is started. */
export interface Guest {
  /** The directory of the unpacked packages. */
  readonly tools: string;
  /** The images that become /dev/ubda, /dev/ubdb and so on. */
  readonly disks: readonly string[];
  /** The program that the kernel starts, with these variables in its environment. */
  readonly init: string;
  readonly env: Readonly<Record<string, string>>;
  /** Where the guest's console is written to. */
  readonly logPath: string;
  /** After this time the guest is killed. */
  readonly limitMs: number;
}

const guestMemoryMiB = 512;

/**
 * Runs User-Mode Linux, a kernel as a process, with this machine's own root file system, read-only, as its root.
 * Returns when it has ended or was killed, and leaves nothing behind.
 */
export async function runGuest({ tools, disks, init, env, logPath, limitMs }: Guest): Promise<void> {
  const args = [
    `mem=${guestMemoryMiB}M`,
    ...['root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'ro', 'quiet'],
    ...['con=null', 'con0=fd:0,fd:1', 'ssl=null'],
    ...disks.map((path, index) => `ubd${index}=${path}`),
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    `init=${init}`,
  ];
  const log = openSync(logPath, 'w');
  const child = spawn(join(tools, 'usr/bin/linux.uml'), args, {
    stdio: ['ignore', log, log],
    // In a separate process group, because its helpers outlive its main process.
    detached: true,
    env: { ...process.env, TMPDIR: memoryFileDirectory() },
  });
  closeSync(log);
  await once(child, 'spawn');
  const killGroup = atExit(() => kill(-child.pid!));
  const deadline = setTimeout(killGroup, limitMs);
  await once(child, 'exit');
  clearTimeout(deadline);
  killGroup();
}

/** The guest's memory is a file: in memory, if enough is available. */
function memoryFileDirectory(): string {
  if (memoryDirectory === undefined) return tmpdir();
  const { bavail, bsize } = statfsSync(memoryDirectory);
  return bavail * bsize > 2 * guestMemoryMiB * 1024 * 1024 ? memoryDirectory : tmpdir();
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // All its processes have ended.
  }
}
