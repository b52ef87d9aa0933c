import { closeSync, openSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expectSilence, hostOptions, useBasyn } from '../support/basyn.ts';
import { runOptions } from '../support/disks.ts';
import { filesEqual } from '../../rig/images/images.ts';
import { watchMemory } from '../../rig/processes/memory.ts';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { memoryDirectory, scratchDirectory, scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const sizeBytes = 4 * GiB + 511;

/** A device of 4 GiB, most of it holes, with data in a hundred places. */
function largeSource(): string {
  const path = scratchFile(Buffer.alloc(0), 'source.img', scratchDirectory(memoryDirectory));
  truncateSync(path, sizeBytes);
  const data = mixedBytes(MiB, 1);
  const fd = openSync(path, 'r+');
  for (let place = 0; place < 100; place++)
    writeSync(fd, data, 0, data.length, Math.floor((place * sizeBytes) / 100));
  closeSync(fd);
  return path;
}

test.each([
  { action: 'PUSH', mode: 'SYNC' },
  { action: 'POP', mode: 'COPY' },
] as const)(
  '4 GiB are transferred over ssh ($action $mode) with less than 256 MiB of memory on either side',
  async ({ action, mode }) => {
    const source = largeSource();
    const target = join(scratchDirectory(memoryDirectory), 'target.img');
    const args = [...runOptions(action, mode, { source, target }), '--create'];
    const there = watchMemory(server().pid);
    const run = await basyn.start([...args, ...hostOptions(server())], { deadlineMs: 110_000 });
    const here = watchMemory(run.pid);
    expectSilence(await run.result);
    const peaks = [...here.stop(), ...there.stop()];
    // The command with its ssh, and the server's own processes with the agent.
    expect(peaks.filter(({ name }) => name.includes('BASYN')).length).toBeGreaterThan(0);
    for (const { peakRssBytes, name } of peaks) expect(peakRssBytes, name).toBeLessThan(256 * MiB);
    expect(statSync(target).size).toBe(sizeBytes);
    expect(filesEqual(source, target, sizeBytes)).toBe(true);
  },
  120_000,
);
