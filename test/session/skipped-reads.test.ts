import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { dropPageCache, type DeviceHandle } from '../../src/device/device.ts';
import type { Extent } from '../../src/digest/extent.ts';
import { InlineRunner } from '../../src/workers/inline.ts';
import type { Job, JobRunner, ResultOf } from '../../src/workers/jobs.ts';
import { perform } from '../../src/workers/perform.ts';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { only } from './coverage.fixture.ts';
import { makeBadDisk, type BadDisk } from '../support/bad-sectors.ts';
import { isRoot } from '../support/loop-device.ts';
import { orderOver, runInMemory } from '../support/memory-session.ts';

const KiB = 1024;
const sizeBytes = 500 * KiB;
const bad: Extent[] = [
  { offsetBytes: 8 * KiB, lengthBytes: 4 * KiB },
  { offsetBytes: 200 * KiB, lengthBytes: 8 * KiB },
];

/** What is left of its block begins with the block. */
const endOfBlock: Extent[] = [{ offsetBytes: 60 * KiB, lengthBytes: 4 * KiB }];

/** The disk is good until the first job of a kind. From then on, some of its ranges can't be read. */
function damagingRunner(disk: BadDisk, isFirstBad: (job: Job) => boolean): JobRunner {
  let isDamaged = false;
  async function work<J extends Job>(job: J): Promise<ResultOf<J>> {
    if (!isDamaged && isFirstBad(job)) {
      isDamaged = true;
      disk.damage(bad);
      await dropPageCache((job as { readonly device: DeviceHandle }).device);
    }
    return perform(job);
  }
  return new InlineRunner(work);
}

/** A target that differs everywhere but in two blocks, so that the comparison goes down to the chunks. */
function otherThan(bytes: Buffer): Buffer {
  const old = Buffer.alloc(sizeBytes, 'old');
  bytes.copy(old, 64 * KiB, 64 * KiB, 192 * KiB);
  return old;
}

describe.skipIf(!isRoot)('sectors that begin to fail (needs root: FUSE)', () => {
  test('while the source sends are left out of the data', async () => {
    const bytes = mixedBytes(sizeBytes, 1);
    const disk = await makeBadDisk('file', bytes, []);
    const order = { ...orderOver(0, sizeBytes), localPath: disk.path, readErrors: 'skip' as const };
    const old = otherThan(bytes);
    writeFileSync(order.remotePath, old);
    const makeRunner = (): JobRunner =>
      damagingRunner(disk, (job) => job.kind === 'read' && job.readErrors === 'skip');
    const { phases, matches } = await runInMemory(order, { makeRunner });
    const wanted = Buffer.from(bytes);
    for (const { offsetBytes, lengthBytes } of bad) {
      old.copy(wanted, offsetBytes, offsetBytes, offsetBytes + lengthBytes);
    }
    expect(readFileSync(order.remotePath).equals(wanted)).toBe(true);
    expect(phases).toMatchObject([{ unreadableBytes: 12 * KiB, unreadableRanges: bad }]);
    expect(matches).toBe(false);
  });

  test('while a difference is narrowed down do not count as different', async () => {
    const bytes = mixedBytes(sizeBytes, 1);
    const disk = await makeBadDisk('file', bytes, []);
    const order = { ...orderOver(0, sizeBytes), localPath: disk.path, readErrors: 'skip' as const };
    writeFileSync(order.remotePath, otherThan(bytes));
    const makeRunner = (): JobRunner =>
      damagingRunner(
        disk,
        (job) => job.kind === 'digest' && job.readErrors === 'skip' && job.stepBytes === 4 * KiB,
      );
    const recheck = { ...order, phases: ['recheck'] as const, chunkBytes: 4 * KiB };
    const { phases } = await runInMemory(recheck, { makeRunner });
    const differingBytes = sizeBytes - 128 * KiB - 12 * KiB;
    expect(phases).toMatchObject([{ differingBytes, unreadableBytes: 12 * KiB, unreadableRanges: bad }]);
  });
});

describe.skipIf(!isRoot)('a block around bad sectors (needs root: FUSE)', () => {
  test.each(
    ([null, 4 * KiB, 10 * KiB, 64 * KiB, 128 * KiB] as const).flatMap((chunkBytes) =>
      (['source', 'target'] as const).flatMap((localRole) =>
        [bad, endOfBlock].map((lost) => ({ chunkBytes, localRole, lost })),
      ),
    ),
  )(
    'does not count as different if the rest is equal: chunks of $chunkBytes bytes, local $localRole',
    async ({ chunkBytes, localRole, lost }) => {
      const bytes = mixedBytes(sizeBytes, 1);
      const disk = await makeBadDisk('file', bytes, lost);
      const order = orderOver(0, sizeBytes);
      const old = Buffer.from(bytes);
      for (const { offsetBytes, lengthBytes } of lost) {
        old.fill('old', offsetBytes, offsetBytes + lengthBytes);
      }
      writeFileSync(order.remotePath, old);
      const paths = { localPath: disk.path, remotePath: order.remotePath };
      const { phases, matches } = await runInMemory({
        ...order,
        ...(localRole === 'source' ? paths : { localPath: paths.remotePath, remotePath: paths.localPath }),
        localRole,
        phases: ['sync', 'recheck'],
        bufferBytes: 256 * KiB,
        chunkBytes,
        readErrors: 'skip',
      });
      const unreadable = { unreadableRangeCount: lost.length, unreadableRanges: lost };
      expect(phases).toMatchObject([
        { ...unreadable, differingBytes: 0, writtenBytes: 0 },
        { ...unreadable, differingBytes: 0, writtenBytes: 0 },
      ]);
      expect(matches).toBe(false);
      expect(readFileSync(order.remotePath).equals(old)).toBe(true);
    },
  );
});

describe.skipIf(!isRoot)('the sample of a list of changes (needs root: FUSE)', () => {
  test.each(['source', 'target'] as const)(
    'lists what it cannot read, with a local %s',
    async (localRole) => {
      const bytes = mixedBytes(sizeBytes, 1);
      const disk = await makeBadDisk('file', bytes, bad);
      const { remotePath, ...order } = { ...orderOver(0, sizeBytes), localRole, phases: ['sync'] as const };
      writeFileSync(remotePath, bytes);
      const selection = { coverage: only([5]) };
      const { phases, matches } = await runInMemory(
        {
          ...order,
          ...(localRole === 'source'
            ? { localPath: disk.path, remotePath }
            : { localPath: remotePath, remotePath: disk.path }),
          bufferBytes: 64 * KiB,
          readErrors: 'skip',
        },
        {
          select: () =>
            Promise.resolve({
              ...selection,
              probe: { coverage: only([0, 1, 2, 3]), judge: () => selection },
            }),
        },
      );
      expect(phases).toMatchObject([{ unreadableBytes: 12 * KiB, unreadableRanges: bad }]);
      expect(matches).toBe(false);
    },
  );
});
