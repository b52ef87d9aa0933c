import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CommandResult } from '../../rig/processes/command.ts';
import { MiB, sideOf, sideWord, useWorkshop, type Wiring } from '../support/fault-workshop.ts';
import { attachLoop, isRoot, mount, mountTmpfs } from '../support/loop-device.ts';
import { keepCacheOf } from '../support/media.ts';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { named, wiringsForTarget } from '../support/wirings.ts';

const server = useSshServer();
const workshop = useWorkshop(server);

const sizeBytes = 4 * MiB;
const fileBytes = 24 * MiB;
const cases = named(wiringsForTarget);
let diskCount = 0;

describe.skipIf(!isRoot)('a disk that lost writes and works again (needs root: loop devices)', () => {
  test.each(cases)(
    '%s: a SYNC writes what the disk lacks, whatever the page cache holds',
    async (_name, wiring) => {
      const source = scratchFile(mixedBytes(sizeBytes, 1));
      const disk = makeFullDisk();
      const pair = { source, target: disk.path, sizeBytes };
      const failed = await workshop.run(wiring, pair, ['--mode=COPY']);
      expectFailedFlush(failed, wiring, `device ${disk.path}`);
      disk.makeRoom();
      // A warning may say that the loop device reads its file through the page cache, which is the medium here.
      expect(await workshop.run(wiring, pair)).toMatchObject({ exitCode: 0 });
      expect(disk.mediumBytes().equals(readFileSync(source))).toBe(true);
    },
  );
});

describe.skipIf(!isRoot)('a file on storage that was full (needs root: loop devices)', () => {
  test.each(['SYNC', 'COPY'] as const)('%s: writes what the disk lacks once there is space', async (mode) => {
    const source = scratchFile(mixedBytes(fileBytes, 1));
    const disk = makeThinFileSystem();
    const pair = { source, target: join(disk.mountPoint, 'target'), sizeBytes: fileBytes };
    const wiring = { action: 'PUSH', over: 'here' } as const;
    expect(await workshop.run(wiring, pair, ['--mode=COPY', '--create'])).toMatchObject({ exitCode: 2 });
    disk.makeRoom();
    expect(await workshop.run(wiring, pair, [`--mode=${mode}`])).toMatchObject({ exitCode: 0 });
    expect(disk.mediumBytes('target').equals(readFileSync(source))).toBe(true);
  });
});

describe('a disk that fails only the flush', () => {
  test.each(cases)('%s: a run that finds both sides equal fails', async (_name, wiring) => {
    const source = scratchFile(mixedBytes(sizeBytes, 1));
    const target = scratchFile(mixedBytes(sizeBytes, 1));
    const failed = await runWithFailingFlush(wiring, { source, target, sizeBytes });
    expectFailedFlush(failed, wiring, `file ${target}`);
  });
});

/** In addition to the failure, a warning may report that the first flush of the run has failed. */
function expectFailedFlush(
  { exitCode, stdout, stderr }: CommandResult,
  wiring: Wiring,
  device: string,
): void {
  const reason = `basyn: cannot flush ${sideWord(wiring, 'target')}${device}: input/output error (EIO)`;
  expect({ exitCode, stdout, stderr }).toEqual({
    exitCode: 2,
    stdout: '',
    stderr: expect.stringContaining(reason),
  });
}

/**
 * An ext4 over a sparse file on a tmpfs that is full. ext4 keeps the blocks of failed writes as unwritten, and
 * treats the pages in the cache as written.
 */
function makeThinFileSystem(): {
  mountPoint: string;
  makeRoom: () => void;
  mediumBytes: (name: string) => Buffer;
} {
  const directory = workshop.path(`thin-${++diskCount}`);
  onTestFinished(mountTmpfs(directory, 40 * MiB));
  const file = join(directory, 'disk');
  writeFileSync(file, '');
  truncateSync(file, 80 * MiB);
  const { path, detach } = attachLoop(file);
  onTestFinished(detach);
  execFileSync('mkfs.ext4', ['-qF', '-E', 'nodiscard', path]);
  const mountPoint = join(directory, 'mounted');
  let unmount = mount(path, mountPoint);
  onTestFinished(() => unmount());
  const hog = join(directory, 'hog');
  writeFileSync(hog, Buffer.alloc(statfsSync(directory).bavail * 4096 - 8 * MiB));
  return {
    mountPoint,
    makeRoom: () => rmSync(hog),
    mediumBytes(name) {
      unmount();
      unmount = mount(path, mountPoint, 'ro');
      return readFileSync(join(mountPoint, name));
    },
  };
}

/** A device over a sparse file on a file system that is full: writeback fails, and the pages become clean. */
function makeFullDisk(): { path: string; makeRoom: () => void; mediumBytes: () => Buffer } {
  const directory = workshop.path(`full-${++diskCount}`);
  onTestFinished(mountTmpfs(directory, 2 * MiB));
  const file = join(directory, 'disk');
  writeFileSync(file, '');
  truncateSync(file, sizeBytes);
  const { path, detach } = attachLoop(file);
  onTestFinished(detach);
  keepCacheOf(path);
  return {
    path,
    makeRoom: () => execFileSync('mount', ['-o', 'remount,size=8m', directory]),
    mediumBytes: () => readFileSync(file),
  };
}

function runWithFailingFlush(
  wiring: Wiring,
  pair: Parameters<typeof workshop.run>[1],
): ReturnType<typeof workshop.run> {
  const calls = 'fdatasync,fsync';
  const command = ['strace', '-f', '-o', '/dev/null', `--trace=${calls}`, `--inject=${calls}:error=EIO`];
  const tracer = ['env', 'UV_USE_IO_URING=0', ...command];
  const isRemote = wiring.over === 'ssh' && sideOf(wiring, 'target') === 'remote';
  return isRemote
    ? workshop.run(wiring, pair, ['--mode=SYNC', `--remote-node=${tracer.join(' ')} node`])
    : workshop.run(wiring, pair, ['--mode=SYNC'], { prefix: tracer });
}
