import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { totalBytes } from '../../src/digest/extent.ts';
import { blockBytesOf, geometryOf } from '../../src/digest/geometry.ts';
import { hashNames } from '../../src/digest/hash-names.ts';
import { bounds, defaults } from '../../src/limits.ts';
import type { Order } from '../../src/session/order.ts';
import type { PhaseName, PhaseReport, RunEvent, RunReport } from '../../src/report.ts';
import { CuttingWire } from '../support/cutting-wire.ts';
import { propertyCases } from '../support/lab-cases.ts';
import { ListeningWire } from '../support/listening-wire.ts';
import { plainOrder, runInMemory, type MemorySessionOptions } from '../support/memory-session.ts';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { differingChunks } from '../support/naive.ts';
import { makeRandom } from '../../rig/images/random.ts';
import { memoryDirectory } from '../support/scratch.ts';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';
import { devicePair, type DevicePair } from './device-pairs.fixture.ts';

const KiB = 1024;
/** Each of these tests runs many sessions. */
const longTimeout = { timeout: 600_000 };
const directory = makeTemporaryDirectory('session', memoryDirectory);
afterAll(() => directory.remove());

type OrderFields = Omit<Order, 'localPath' | 'remotePath'>;

const order: fc.Arbitrary<OrderFields> = fc
  .record({
    localRole: fc.constantFrom('source', 'target'),
    phases: fc.constantFrom<PhaseName[]>(
      ['sync'],
      ['copy'],
      ['recheck'],
      ['sync', 'recheck'],
      ['copy', 'recheck'],
    ),
    hash: fc.constantFrom(...hashNames),
    bufferBytes: fc.oneof(
      fc.integer({ min: KiB, max: 10 * KiB }),
      fc.integer({ min: KiB, max: 400 * KiB }),
      fc.constantFrom(KiB, 64 * KiB, 128 * KiB, defaults.bufferBytes),
    ),
    chunk: fc.oneof(fc.constant(null), fc.integer({ min: KiB, max: 20 * KiB }), fc.constant(Infinity)),
    compression: fc.record({
      name: fc.constantFrom('none', 'zlib', 'zstd', 'auto'),
      level: fc.option(fc.integer({ min: 1, max: 9 })),
    }),
    dryRun: fc.boolean(),
  })
  .map(({ chunk, dryRun, ...fields }) => ({
    ...plainOrder,
    ...fields,
    chunkBytes: chunk === null ? null : Math.min(chunk, fields.bufferBytes),
    // A dry run has nothing to recheck.
    dryRun: dryRun && !fields.phases.includes('recheck'),
  }));

describe('a session over any two devices, in any order', () => {
  test(
    'makes the target equal in the source’s range and touches nothing else, and its report is exact',
    longTimeout,
    async () => {
      await fc.assert(
        fc.asyncProperty(devicePair, order, async (devices, fields) => {
          await expectFaithful(devices, fields);
        }),
        propertyCases(1000),
      );
    },
  );

  test('does the same if the link divides the bytes into tiny pieces', longTimeout, async () => {
    await fc.assert(
      fc.asyncProperty(
        devicePair,
        order,
        fc.nat(),
        fc.integer({ min: 1, max: 40 }),
        async (devices, fields, seed, longest) => {
          const small = { source: devices.source.subarray(0, 60_000), target: withTail(devices, 60_000) };
          await expectFaithful(small, fields, { makeWire: () => new CuttingWire(seed, longest) });
        },
      ),
      propertyCases(200),
    );
  });

  test('does the same if data arrives over several lanes, in any order', longTimeout, async () => {
    const writing = order.filter(({ phases, dryRun }) => phases[0] !== 'recheck' && !dryRun);
    let furtherBytes = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(), writing, async (seed, fields) => {
        // More than may be in transit at once, so that data is left for the lanes that open later.
        const [source, target] = [Buffer.alloc(24_000_001), Buffer.alloc(24_100_000, 'canary')];
        makeRandom(seed).fill(source);
        const wires: CuttingWire[] = [];
        const makeWire = (): CuttingWire => {
          wires.push(new CuttingWire(wires.length, 100_000));
          return wires.at(-1)!;
        };
        await expectFaithful({ source, target }, fields, { makeWire, furtherLanes: 3 });
        // The first two links are the directions of the first lane.
        for (const { carriedBytes } of wires.slice(2)) furtherBytes += carriedBytes;
      }),
      { numRuns: 5 },
    );
    expect(furtherBytes).toBeGreaterThan(100_000);
  });
});

describe('a session', () => {
  test('refuses an empty source, and a comparison of two empty devices', async () => {
    for (const phase of ['sync', 'copy', 'recheck'] as const) {
      for (const localRole of ['source', 'target'] as const) {
        const nothing = { source: Buffer.alloc(0), target: Buffer.alloc(phase === 'recheck' ? 0 : 10) };
        const work = run(nothing, { ...plainOrder, phases: [phase], localRole });
        await expect(work).rejects.toMatchObject({
          code: 'device',
          message: expect.stringContaining('empty'),
        });
      }
    }
  });

  test.each([
    ['equal', 'larger', false],
    ['equal', 'smaller', false],
    ['target at least source', 'larger', true],
    ['target at least source', 'smaller', false],
  ] as const)(
    'that rechecks with the size rule "%s" and a target that is %s: a match is %s',
    async (sizes, which, matches) => {
      const [long, short] = [Buffer.alloc(100_000, 'a'), Buffer.alloc(30_001, 'a')];
      const pair = which === 'larger' ? { source: short, target: long } : { source: long, target: short };
      const { report } = await run(pair, { ...plainOrder, phases: ['recheck'], sizes });
      expect(report).toMatchObject({ sizesMatch: matches, matches });
      expect(report.phases[0]).toMatchObject({ sizeBytes: 30_001, differingBytes: 0 });
    },
  );

  test('that rechecks without a direction compares the part that both devices have', async () => {
    const [long, short] = [Buffer.alloc(100_000, 'a'), Buffer.alloc(30_001, 'a')];
    short[30_000] = 0;
    for (const [source, target] of [
      [long, short],
      [short, long],
    ] as const) {
      const { report } = await run(
        { source, target },
        { ...plainOrder, phases: ['recheck'], sizes: 'equal' },
      );
      expect(report.matches).toBe(false);
      expect(report.phases[0]).toMatchObject({ sizeBytes: 30_001, differingRangeCount: 1 });
    }
  });

  test('requests many differing buffers at once, and sends many differing chunks at once', async () => {
    const source = mixedBytes(8 * 1024 * KiB, 1);
    const target = Buffer.from(source);
    for (let at = 0; at < target.length; at += 64 * KiB) target[at]! ^= 1;
    const messages = new Map<string, number>();
    const { report } = await run(
      { source, target },
      { ...plainOrder, bufferBytes: 128 * KiB, chunkBytes: 4 * KiB },
      {
        makeWire: () => new ListeningWire(({ type }) => messages.set(type, (messages.get(type) ?? 0) + 1)),
      },
    );
    expect(report.phases[0]).toMatchObject({ differingRangeCount: 128, writtenBytes: 128 * 4 * KiB });
    // 64 buffers differ, each of them in two blocks.
    expect(messages.get('ask')).toBeLessThan(24);
    expect(messages.get('answer')).toBe(messages.get('ask'));
    expect(messages.get('data')).toBeLessThan(16);
  });

  test('finds a single differing byte, wherever it is', async () => {
    const sizeBytes = 200_001;
    for (const at of [0, 4095, 4096, 65_535, 65_536, 131_071, 200_000]) {
      const source = Buffer.alloc(sizeBytes, 'x');
      const target = Buffer.from(source);
      target[at] = 0;
      const { report } = await run({ source, target }, { ...plainOrder, chunkBytes: 4096 });
      const offsetBytes = at - (at % 4096);
      const lengthBytes = Math.min(4096, sizeBytes - offsetBytes);
      expect(report.phases[0]!.differingRanges).toEqual([{ offsetBytes, lengthBytes }]);
    }
  });
});

/** Runs the order over the devices, and compares the result and all reports with the expected ones. */
async function expectFaithful(
  { source, target }: DevicePair,
  fields: OrderFields,
  options: MemorySessionOptions = {},
): Promise<void> {
  const events: RunEvent[] = [];
  const { report, sourceAfter, targetAfter } = await run({ source, target }, fields, {
    ...options,
    onEvent: (event) => events.push(event),
  });
  const writes = fields.phases[0] !== 'recheck' && !fields.dryRun;
  expect(sourceAfter.equals(source)).toBe(true);
  const expected = writes ? Buffer.concat([source, target.subarray(source.length)]) : target;
  expect(targetAfter.equals(expected)).toBe(true);

  expect(report.phases.map(({ phase }) => phase)).toEqual(fields.phases);
  let targetBefore = target;
  for (const phase of report.phases) {
    expectExact(phase, fields, source, targetBefore);
    targetBefore = targetAfter;
  }
  const recheck = report.phases.find(({ phase }) => phase === 'recheck');
  expect(report.matches).toBe(recheck === undefined || recheck.differingBytes === 0);
  if (writes) expect(report.matches).toBe(true);
  expectSteady(events, report);
}

/** Compares the numbers of a phase with those that a comparison of every chunk gives. */
function expectExact(phase: PhaseReport, fields: OrderFields, source: Buffer, target: Buffer): void {
  const { bufferBytes, chunkBytes, dryRun } = fields;
  expect(phase.sizeBytes).toBe(source.length);
  if (phase.phase === 'copy') {
    expect(phase.differingBytes).toBe(source.length);
  } else if (chunkBytes !== null) {
    const expected = differingChunks(source, target, bufferBytes, chunkBytes);
    expect(phase.differingBytes).toBe(totalBytes(expected));
    expect(phase.differingRangeCount).toBe(expected.length);
    expect(phase.differingRanges).toEqual(expected.slice(0, bounds.reportedRanges));
  } else {
    // Each buffer is refined as far as that is worthwhile: to something between its blocks and the finest chunks.
    const finestBytes = Math.min(bounds.finestChunkBytes, bufferBytes);
    const blockBytes = blockBytesOf(geometryOf(source.length, bufferBytes, finestBytes));
    const [least, most] = [finestBytes, blockBytes].map((stepBytes) =>
      totalBytes(differingChunks(source, target, bufferBytes, stepBytes)),
    );
    expect(phase.differingBytes).toBeGreaterThanOrEqual(least!);
    expect(phase.differingBytes).toBeLessThanOrEqual(most!);
  }
  expect(phase.writtenBytes).toBe(phase.phase === 'recheck' || dryRun ? 0 : phase.differingBytes);
}

/** A run reports its start, then start, progress and end of each phase. A flush is reported only if it takes long. */
function expectSteady(events: readonly RunEvent[], report: RunReport): void {
  const steps = events.filter(({ type }) => !['progress', 'note', 'flushing', 'debug'].includes(type));
  const types = steps.map(({ type }) => type);
  expect(types).toEqual(['start', ...report.phases.flatMap(() => ['phase-start', 'phase-end'])]);
  expect(steps[0]).toEqual({ type: 'start', source: report.source, target: report.target });
  let doneBytes = 0;
  for (const event of events) {
    if (event.type === 'phase-start') doneBytes = 0;
    if (event.type !== 'progress') continue;
    expect(event.doneBytes).toBeGreaterThanOrEqual(doneBytes);
    expect(event.doneBytes).toBeLessThanOrEqual(event.sizeBytes);
    doneBytes = event.doneBytes;
  }
}

async function run(
  { source, target }: DevicePair,
  fields: OrderFields,
  options: MemorySessionOptions = {},
): Promise<{ report: RunReport; sourceAfter: Buffer; targetAfter: Buffer }> {
  const [sourcePath, targetPath] = [join(directory.path, 'source'), join(directory.path, 'target')];
  writeFileSync(sourcePath, source);
  writeFileSync(targetPath, target);
  const isSource = fields.localRole === 'source';
  const report = await runInMemory(
    {
      ...fields,
      localPath: isSource ? sourcePath : targetPath,
      remotePath: isSource ? targetPath : sourcePath,
    },
    options,
  );
  const [first, second] = isSource ? (['local', 'remote'] as const) : (['remote', 'local'] as const);
  expect(report.source).toEqual({
    side: first,
    path: sourcePath,
    kind: 'regular file',
    sizeBytes: source.length,
  });
  expect(report.target).toEqual({
    side: second,
    path: targetPath,
    kind: 'regular file',
    sizeBytes: target.length,
  });
  return { report, sourceAfter: readFileSync(sourcePath), targetAfter: readFileSync(targetPath) };
}

/** The target for the first bytes of the source, still with a tail of its own. */
function withTail({ source, target }: DevicePair, sizeBytes: number): Buffer {
  return Buffer.concat([
    target.subarray(0, Math.min(sizeBytes, source.length)),
    target.subarray(source.length),
  ]);
}
