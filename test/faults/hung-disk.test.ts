import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { hostOptions, useBasyn } from '../support/basyn.ts';
import { lineWith } from '../../rig/processes/command.ts';
import { runOptions } from '../support/disks.ts';
import { writeImage } from '../../rig/images/images.ts';
import { isRoot, makeFileSystem, mount } from '../support/loop-device.ts';
import { descendants } from '../../rig/processes/processes.ts';
import { useProcessCheck } from '../support/process-check.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { atExit } from '../../rig/temporary.ts';

const server = useSshServer();
const basyn = useBasyn();
const MiB = 1024 * 1024;

useProcessCheck();

test.skipIf(!isRoot).each([
  ['here', 'PUSH'],
  ['over ssh', 'POP'],
] as const)(
  'a signal ends what can be ended while a write hangs in the kernel, and the command reports it at once: %s (needs root: a frozen file system)',
  async (where, action) => {
    const { directory, thaw } = frozenDirectory();
    const source = join(scratchDirectory(), 'source');
    const sizeBytes = 64 * MiB;
    writeImage(source, sizeBytes, { seed: 3 });
    const host = where === 'here' ? [] : hostOptions(server());
    const args = [...runOptions(action, 'COPY', { source, target: join(directory, 'target') }), ...host];
    const run = await basyn.start([...args, '--verbose'], { deadlineMs: 60_000 });
    await lineWith(run.child.stdout!, 'to go through');
    await expect.poll(() => hasHangingWrite(run.pid), { interval: 300 }).toBe(true);
    const startedMs = performance.now();
    run.child.kill('SIGTERM');
    await lineWith(run.child.stderr!, 'Stopped by SIGTERM during copy at ');
    expect(performance.now() - startedMs).toBeLessThan(4_000);
    // The children have ended. The process itself waits in the kernel.
    await expect.poll(() => descendants(run.pid)).toEqual([]);
    thaw();
    const { exitCode, stderr } = await run.result;
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /^basyn: Stopped by SIGTERM .*\. A device or a process does not answer, and was left\. .*--mode=SYNC to repair it\.\n$/,
    );
  },
);

/** `pwrite64` and `pwritev`. */
const writeCalls: Readonly<Record<string, readonly string[]>> = { x64: ['18', '296'], arm64: ['68', '70'] };

/**
 * Whether a thread of the process waits uninterruptibly in a write. On a busy disk, a read or a flush may wait as well, and a
 * process that flushes has another end.
 */
function hasHangingWrite(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).some((thread) => {
    const [stat, call] = ['stat', 'syscall'].map((name) =>
      readFileSync(`/proc/${pid}/task/${thread}/${name}`, 'latin1'),
    ) as [string, string];
    const isWaiting = stat.slice(stat.lastIndexOf(')') + 2).startsWith('D');
    return isWaiting && writeCalls[process.arch]?.includes(call.split(' ')[0]!) === true;
  });
}

/** A directory in a file system to which every write hangs, with a file "target" of 64 MiB in it. */
function frozenDirectory(): { directory: string; thaw: () => void } {
  const parent = scratchDirectory();
  const [image, directory] = [join(parent, 'image'), join(parent, 'mounted')];
  writeImage(image, 0, { seed: 1 });
  truncateSync(image, 200 * MiB);
  makeFileSystem(image);
  const unmount = mount(image, directory, 'loop');
  writeImage(join(directory, 'target'), 0, { seed: 1 });
  truncateSync(join(directory, 'target'), 64 * MiB);
  execFileSync('fsfreeze', ['--freeze', directory]);
  const thaw = atExit(() => execFileSync('fsfreeze', ['--unfreeze', directory]));
  onTestFinished(() => {
    thaw();
    unmount();
  });
  return { directory, thaw };
}
