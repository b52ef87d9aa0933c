import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { cut, totalBytes, type Extent } from '../../../src/digest/extent.ts';
import { blockBytesOf, bufferCountOf, bufferExtentOf } from '../../../src/digest/geometry.ts';
import { bounds } from '../../../src/limits.ts';
import type { Channel } from '../../../src/link/channel.ts';
import { Asker } from '../../../src/session/compare/asker.ts';
import type { Findings } from '../../../src/session/compare/findings.ts';
import { phaseOf, type Phase } from '../../../src/session/phase.ts';
import type { DigestSource } from '../../../src/session/compare/digest-source.ts';
import { Refiner, type DifferingBuffer } from '../../../src/session/compare/refiner.ts';
import { TaskGroup } from '../../../src/session/task-group.ts';
import { InlineRunner } from '../../../src/workers/inline.ts';
import { perform } from '../../../src/workers/perform.ts';
import { makeRandom } from '../../../rig/images/random.ts';
import { channelPair } from '../../support/channel-pair.ts';
import { differingChunks } from '../../support/naive.ts';
import { fileHandle } from '../../support/file-handle.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

interface Setting {
  readonly sizeBytes: number;
  readonly bufferBytes: number;
  readonly chunkBytes: number | null;
  /** Where the target differs by one byte. */
  readonly changedAt: readonly number[];
}

test.each<[string, Setting]>([
  [
    'in buffers of one block',
    { sizeBytes: 300_001, bufferBytes: 64 * KiB, chunkBytes: 4 * KiB, changedAt: [0, 70_000, 300_000] },
  ],
  [
    'in buffers of many blocks',
    { sizeBytes: 5 * MiB + 7, bufferBytes: 2 * MiB, chunkBytes: KiB, changedAt: [0, 1, MiB, 5 * MiB + 6] },
  ],
  [
    'in chunks that are whole buffers',
    { sizeBytes: 300_001, bufferBytes: 64 * KiB, chunkBytes: 64 * KiB, changedAt: [65_535, 65_536] },
  ],
  [
    'in a buffer that is larger than what is examined at once',
    {
      sizeBytes: 80 * MiB,
      bufferBytes: 80 * MiB,
      chunkBytes: 64 * KiB,
      changedAt: [3, 40 * MiB, 80 * MiB - 1],
    },
  ],
])('a refiner finds the chunks that differ, and no others, %s', async (_, setting) => {
  const { source, target } = bytesOf(setting);
  const { differing, refined } = await refine(setting, source, target);
  const expected = differingChunks(source, target, setting.bufferBytes, setting.chunkBytes!);
  expect(joined(differing)).toEqual(expected);
  // Its findings for each buffer are the same.
  const found = refined.flatMap(({ found: { differingRanges } }) => differingRanges);
  expect(joined(found)).toEqual(expected);
});

test('a refiner without a chunk size refines as long as that is worthwhile', async () => {
  const setting = { sizeBytes: 4 * MiB, bufferBytes: MiB, chunkBytes: null, changedAt: [5, 2 * MiB] };
  const { source, target } = bytesOf(setting);
  const { differing } = await refine(setting, source, target);
  for (const { offsetBytes } of differing) expect(offsetBytes % bounds.finestChunkBytes).toBe(0);
  expect(totalBytes(differing)).toBeGreaterThanOrEqual(2 * bounds.finestChunkBytes);
  expect(totalBytes(differing)).toBeLessThan(2 * MiB);
});

test('a refiner asks about many buffers at once', async () => {
  const bufferBytes = 64 * KiB;
  const changedAt = Array.from({ length: 100 }, (_, index) => index * bufferBytes);
  const setting = { sizeBytes: 100 * bufferBytes, bufferBytes, chunkBytes: 4 * KiB, changedAt };
  const { source, target } = bytesOf(setting);
  const { askCount, refined } = await refine(setting, source, target);
  expect(refined.map(({ index }) => index).sort((a, b) => a - b)).toEqual(changedAt.map((_, i) => i));
  expect(askCount).toBeLessThan(10);
});

test('a refiner holds back its questions while its results are not consumed', async () => {
  const setting = {
    sizeBytes: 4 * MiB,
    bufferBytes: MiB,
    chunkBytes: 4 * KiB,
    changedAt: [0, MiB, 2 * MiB, 3 * MiB],
  };
  const { source, target } = bytesOf(setting);
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  let isRefined = false;
  const refining = refine(setting, source, target, () => released).then((result) => {
    isRefined = true;
    return result;
  });
  await expect.poll(() => waiting, { interval: 5 }).toBeGreaterThan(0);
  // Much longer than the remaining work takes.
  await sleep(200);
  expect(isRefined).toBe(false);
  release();
  expect(joined((await refining).differing)).toEqual(
    differingChunks(source, target, setting.bufferBytes, setting.chunkBytes),
  );
});

test('a buffer is refined when its own differences are taken, although those of its neighbours are not', async () => {
  const bufferBytes = 2 * MiB;
  const sizeBytes = 16 * MiB;
  const changedAt = Array.from({ length: sizeBytes / (64 * KiB) }, (_, index) => index * 64 * KiB);
  const setting = { sizeBytes, bufferBytes, chunkBytes: 64 * KiB, changedAt };
  const { source, target } = bytesOf(setting);
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const refined: number[] = [];
  const refining = refine(
    setting,
    source,
    target,
    (extents) => (extents.every(({ offsetBytes }) => offsetBytes < 4 * MiB) ? Promise.resolve() : released),
    (index) => refined.push(index),
  );
  await expect.poll(() => refined, { interval: 5 }).toEqual([0, 1]);
  release();
  await refining;
  expect(refined).toHaveLength(8);
});

/** The number of times that a refiner has passed on differences. */
let waiting = 0;

interface Refined {
  readonly differing: readonly Extent[];
  readonly refined: readonly { readonly index: number; readonly found: Findings }[];
  readonly askCount: number;
}

/** Lets a refiner compare both, with an honest target that answers in memory. */
async function refine(
  setting: Setting,
  sourceBytes: Buffer,
  targetBytes: Buffer,
  onDiffering: (extents: readonly Extent[]) => Promise<void> = () => Promise.resolve(),
  onRefined: (index: number) => void = () => undefined,
): Promise<Refined> {
  const [source, target] = [await phaseFor(setting, sourceBytes), await phaseFor(setting, targetBytes)];
  const [ours, theirs] = [surveyOf(source, sourceBytes), surveyOf(target, targetBytes)];
  const differingBuffers = ours
    .map((buffer, index): DifferingBuffer => ({ ours: buffer, theirs: theirs[index]!.digest }))
    .filter(({ ours: { digest }, theirs: other }) => Buffer.compare(digest, other) !== 0);

  const [local, peer] = channelPair();
  const asker = new Asker(local, source.hasher.digestBytes);
  const tasks = new TaskGroup();
  let askCount = 0;
  tasks.spawn(answerAll(peer, target, () => askCount++));
  tasks.spawn(handAnswersTo(asker, local));
  const differing: Extent[] = [];
  const refined: { index: number; found: Findings }[] = [];
  waiting = 0;
  await tasks.race(
    new Promise<void>((resolve) => {
      let left = differingBuffers.length;
      const refiner = new Refiner(source, asDigestSource(asker), tasks, {
        async onDiffering(extents) {
          waiting++;
          await onDiffering(extents);
          differing.push(...extents);
        },
        onRefined(index, found) {
          refined.push({ index, found });
          onRefined(index);
          if (--left === 0) resolve();
        },
      });
      for (const buffer of differingBuffers) refiner.add(buffer);
    }),
  );
  return { differing, refined, askCount };
}

/** How a target handles questions. */
async function answerAll(
  channel: Channel,
  { device, plan, runner }: Phase,
  onAsk: () => void,
): Promise<void> {
  for (;;) {
    const message = await channel.next();
    if (message.type !== 'ask') throw new Error(`unexpected: ${message.type}`);
    onAsk();
    const { id, extents, stepBytes } = message;
    const { digests } = await runner.run(
      { kind: 'digest', device, hash: plan.hash, extents, stepBytes },
      'now',
    );
    channel.send({ type: 'answer', id, digests });
  }
}

async function handAnswersTo(asker: Asker, channel: Channel): Promise<void> {
  for (;;) {
    const message = await channel.next();
    if (message.type === 'answer') asker.answer(message);
  }
}

/** The digests of each buffer, as the first pass over a device computes them. */
function surveyOf({ geometry, hasher }: Phase, bytes: Buffer): DifferingBuffer['ours'][] {
  return Array.from({ length: bufferCountOf(geometry) }, (_, index) => {
    const blocks = [...cut(bufferExtentOf(geometry, index), blockBytesOf(geometry))].map(
      ({ offsetBytes, lengthBytes }) =>
        createHash('sha1')
          .update(bytes.subarray(offsetBytes, offsetBytes + lengthBytes))
          .digest(),
    );
    const [first] = blocks;
    const digest = blocks.length === 1 ? first! : hasher.digestOne(Buffer.concat(blocks));
    return { index, blocks: Buffer.concat(blocks), digest, unreadable: [] };
  });
}

function phaseFor({ sizeBytes, bufferBytes, chunkBytes }: Setting, bytes: Buffer): Promise<Phase> {
  const device = fileHandle(bytes);
  return phaseOf({
    plan: {
      phase: 'sync',
      sizeBytes,
      hash: 'SHA1',
      bufferBytes,
      chunkBytes,
      windowBuffers: 64,
      compression: { name: 'none', level: null },
      roundTripMs: null,
      dryRun: false,
    },
    device,
    output: device,
    runner: new InlineRunner(perform),
    zeros: 'write',
    disk: undefined,
    holeBytes: 0,
    notes: [],
    trace: undefined,
  });
}

function bytesOf({ sizeBytes, changedAt }: Setting): { source: Buffer; target: Buffer } {
  const source = Buffer.alloc(sizeBytes);
  makeRandom(1).fill(source);
  const target = Buffer.from(source);
  for (const at of changedAt) target[at]! ^= 1;
  return { source, target };
}

/** In ascending order, with adjacent ranges joined. */
function joined(extents: readonly Extent[]): Extent[] {
  const ascending = [...extents].sort((a, b) => a.offsetBytes - b.offsetBytes);
  return ascending.reduce<Extent[]>((list, { offsetBytes, lengthBytes }) => {
    const last = list.at(-1);
    if (last === undefined || last.offsetBytes + last.lengthBytes !== offsetBytes) {
      return [...list, { offsetBytes, lengthBytes }];
    }
    return [...list.slice(0, -1), { ...last, lengthBytes: last.lengthBytes + lengthBytes }];
  }, []);
}

function asDigestSource(asker: Asker): DigestSource {
  return {
    ask: (extents, stepBytes) => asker.ask(extents, stepBytes),
    known: () => undefined,
    advance: () => undefined,
  };
}
