import { chmodSync, closeSync, openSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hostOptions, useBasyn } from '../support/basyn.ts';
import { runOptions } from '../support/disks.ts';
import { filesEqual } from '../../rig/images/images.ts';
import { watchMemory } from '../../rig/processes/memory.ts';
import { makeRandom } from '../../rig/images/random.ts';
import { memoryDirectory, scratchDirectory, scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();

const KiB = 1024;
const MiB = 1024 * KiB;

/** Makes node report this number of processors: each has a thread, and each thread has its own memory. */
const processors = 8;
const preload = `require('node:os').availableParallelism = () => ${processors};`;

const random = makeRandom(1);
const text = Buffer.alloc(MiB);
random.fillWithText(text);
/** Differs from zeros in every second KiB: no two ranges touch, and their number is the largest possible. */
const scattered = Buffer.alloc(MiB);
for (let atBytes = 0; atBytes < MiB; atBytes += 2 * KiB) scattered[atBytes] = 1;

test.each([
  {
    what: 'every second KiB differs, with buffers of 1 GiB',
    sizeMiB: 1024,
    source: undefined,
    target: scattered,
    action: 'PUSH',
    mode: 'SYNC',
    options: ['--buffer=1048576', '--chunk=1', '--hash=SHA512', '--lanes=16', '--dry-run'],
  },
  {
    what: 'a large amount of data is decompressed',
    sizeMiB: 384,
    source: text,
    target: undefined,
    action: 'POP',
    mode: 'COPY',
    options: ['--compress=zlib', '--zlevel=1'],
  },
  {
    what: 'the agent decompresses a large amount of data',
    sizeMiB: 384,
    source: text,
    target: undefined,
    action: 'PUSH',
    mode: 'COPY',
    options: ['--compress=zlib', '--zlevel=1'],
  },
] as const)(
  'on 8 processors, neither side needs 256 MiB of memory if $what',
  async ({ sizeMiB, source, target, action, mode, options }) => {
    const paths = { source: imageOf(source, sizeMiB), target: imageOf(target, sizeMiB) };
    const directory = scratchDirectory();
    const preloadPath = scratchFile(Buffer.from(preload), 'preload.cjs', directory);
    const nodePath = scratchFile(
      Buffer.from(`#!/bin/sh\nexec '${process.execPath}' --require '${preloadPath}' "$@"\n`),
      'node',
      directory,
    );
    chmodSync(nodePath, 0o755);
    const there = watchMemory(server().pid);
    const args = [...runOptions(action, mode, paths), ...options, ...hostOptions(server())];
    const run = await basyn.start([...args, `--remote-node=${nodePath}`], {
      deadlineMs: 170_000,
      env: { NODE_OPTIONS: `--require=${preloadPath}` },
    });
    const here = watchMemory(run.pid);
    const result = await run.result;
    const peaks = [...here.stop(), ...there.stop()];
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    // The command with its ssh, and the server's own processes with the agent.
    expect(peaks.filter(({ name }) => name.includes('BASYN')).length).toBeGreaterThan(0);
    for (const { peakRssBytes, name } of peaks) expect(peakRssBytes, name).toBeLessThan(256 * MiB);
    if (mode === 'COPY') expect(filesEqual(paths.source, paths.target, sizeMiB * MiB)).toBe(true);
  },
  180_000,
);

/** A file in memory that repeats these bytes, or a hole without bytes. */
function imageOf(bytes: Buffer | undefined, sizeMiB: number): string {
  const path = join(scratchDirectory(memoryDirectory), 'disk.img');
  const fd = openSync(path, 'w');
  truncateSync(path, sizeMiB * MiB);
  for (let index = 0; bytes !== undefined && index < sizeMiB; index++) {
    writeSync(fd, bytes, 0, bytes.byteLength, index * MiB);
  }
  closeSync(fd);
  return path;
}
