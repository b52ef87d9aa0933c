import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { makeRandom, type Random } from '../../rig/images/random.ts';
import { joinNeighbours, totalBytes, within, type Extent } from '../../src/digest/extent.ts';
import { geometryOf } from '../../src/digest/geometry.ts';
import type { ExtentFact, RunEvent, RunReport } from '../../src/report.ts';
import { runOnSameHost } from '../../src/same-host/run.ts';
import { examinedBytesBefore, gapsOf, rangesOf, type Coverage } from '../../src/session/coverage.ts';
import type { Order } from '../../src/session/order.ts';
import type { PhaseSelector } from '../../src/session/selection.ts';
import { InlineRunner } from '../../src/workers/inline.ts';
import type { SameHostJob } from '../../src/workers/jobs.ts';
import { performOnSameHost } from '../../src/workers/same-host.ts';
import { CuttingWire } from '../support/cutting-wire.ts';
import { caseCount } from '../support/lab-cases.ts';
import { makeReporter, plainOrder, runInMemory } from '../support/memory-session.ts';
import { differingChunks } from '../support/naive.ts';
import { memoryDirectory, scratchDirectory } from '../support/scratch.ts';
import { randomCoverage, repairedIn } from './coverage.fixture.ts';
import { expectZero, extentsOf } from './extent-facts.fixture.ts';

const KiB = 1024;
const chunkBytes = 1024;
const unit = 64 * KiB;

test.each(Array.from({ length: caseCount(300) }, (_, seed) => seed))(
  'a run over a part of the device repairs and reports every difference in it, and touches nothing else: seed %i',
  async (seed) => {
    const random = makeRandom(seed);
    const [source, target] = devices(random, seed);
    const sizeBytes = source.length;
    const bufferBytes = [4 * KiB, 10_000, 64 * KiB, 300 * KiB][random.below(4)]!;
    const geometry = geometryOf(sizeBytes, bufferBytes, chunkBytes);
    const coverage = randomCoverage(geometry, random);
    const dryRun = random.below(5) === 0;
    const order: Omit<Order, 'localPath' | 'remotePath'> = {
      ...plainOrder,
      localRole: random.below(2) === 0 ? 'source' : 'target',
      phases: dryRun ? ['sync'] : ['sync', 'recheck'],
      bufferBytes,
      chunkBytes,
      dryRun,
    };
    const ways = ['one lane', 'lanes', 'same host'] as const;
    const { report, targetAfter, events, facts } = await run(ways[random.below(3)]!, order, coverage, [
      source,
      target,
    ]);

    const repaired = repairedIn(coverage, geometry, source, target);
    expect(targetAfter.equals(dryRun ? target : repaired)).toBe(true);
    const differing = differingChunks(source, target, bufferBytes, chunkBytes);
    const left = totalBytes(differingChunks(source, repaired, bufferBytes, chunkBytes));
    const [sync, recheck] = report.phases;
    const examinedBytes = examinedBytesBefore(coverage, geometry, sizeBytes);
    expect(sync).toMatchObject({ sizeBytes, examinedBytes, differingBytes: totalBytes(differing) - left });
    expect(sync!.sourceHoleBytes).toBeLessThanOrEqual(examinedBytes);
    if (!dryRun) expect(recheck).toMatchObject({ sizeBytes, differingBytes: left });
    expect(recheck?.examinedBytes).toBeUndefined();
    expectProgress(events, examinedBytes);

    const covered = (extents: readonly Extent[]): Extent[] =>
      joinNeighbours([...rangesOf(coverage, geometry, Infinity)].flatMap((range) => within(extents, range)));
    expect(extentsOf(facts, 'sync', 'differing')).toEqual(covered(differing));
    expect(extentsOf(facts, 'sync', 'not read')).toEqual([...gapsOf(coverage, geometry, 0)]);
    expectZero(extentsOf(facts, 'sync', 'zero'), source);
    expect(totalBytes(extentsOf(facts, 'sync', 'zero'))).toBeGreaterThanOrEqual(sync!.sourceHoleBytes);
    if (dryRun) return;
    expect(extentsOf(facts, 'recheck', 'differing')).toEqual(
      differingChunks(source, repaired, bufferBytes, chunkBytes),
    );
    expect(totalBytes(extentsOf(facts, 'recheck', 'zero'))).toBe(recheck!.sourceHoleBytes);
  },
);

/** Stretches of noise, text and holes; the target has changed anywhere. */
function devices(random: Random, seed: number): [Buffer, Buffer] {
  const source = mixedBytes(2_000_000 + random.below(500_000), seed);
  const isSparse = random.below(2) === 0;
  for (let at = 0; isSparse && at < source.length; at += unit * (1 + random.below(10))) {
    if (random.below(2) === 0) source.subarray(at, at + unit * (1 + random.below(12))).fill(0);
  }
  const target = Buffer.from(source);
  for (let count = random.below(40); count > 0; count--) {
    const at = random.below(target.length);
    const part = target.subarray(at, at + 1 + random.below(random.below(2) === 0 ? 30 : 90_000));
    if (random.below(3) === 0) part.fill(0);
    else random.fill(part);
  }
  return [source, target];
}

async function run(
  way: 'one lane' | 'lanes' | 'same host',
  fields: Omit<Order, 'localPath' | 'remotePath'>,
  coverage: Coverage,
  [source, target]: readonly [Buffer, Buffer],
): Promise<{ report: RunReport; targetAfter: Buffer; events: RunEvent[]; facts: ExtentFact[] }> {
  const directory = scratchDirectory(memoryDirectory);
  const [sourcePath, targetPath] = [join(directory, 'source'), join(directory, 'target')];
  writeSparse(sourcePath, source);
  writeSparse(targetPath, target);
  const [localPath, remotePath] =
    fields.localRole === 'source' ? [sourcePath, targetPath] : [targetPath, sourcePath];
  const order = { ...fields, localPath, remotePath };
  const select: PhaseSelector = ({ phase }) =>
    Promise.resolve(phase === 'recheck' ? undefined : { coverage });
  const events: RunEvent[] = [];
  const facts: ExtentFact[] = [];
  const onEvent = (event: RunEvent): unknown => events.push(event);
  const reporter = makeReporter({ onEvent, onExtent: (fact) => facts.push(fact) }, order);
  if (way === 'same host') {
    const runner = new InlineRunner<SameHostJob>(performOnSameHost);
    const startRunner = (): Promise<typeof runner> => Promise.resolve(runner);
    await runOnSameHost({
      order,
      reporter,
      startRunner,
      trace: undefined,
      onWritten: () => undefined,
      select,
    });
    reporter.stop();
    return { report: reporter.report(), targetAfter: readFileSync(targetPath), events, facts };
  }
  const makeWire = (): CuttingWire => new CuttingWire(1, 100_000);
  const furtherLanes = way === 'lanes' ? 3 : 0;
  const report = await runInMemory(order, { reporter, makeWire, furtherLanes, select });
  return { report, targetAfter: readFileSync(targetPath), events, facts };
}

/** Leaves holes where the contents are zero. */
function writeSparse(path: string, contents: Buffer): void {
  writeFileSync(path, '');
  const file = openSync(path, 'r+');
  ftruncateSync(file, contents.length);
  const zeros = Buffer.alloc(unit);
  for (let at = 0; at < contents.length; at += unit) {
    const part = contents.subarray(at, at + unit);
    if (!part.equals(zeros.subarray(0, part.length))) writeSync(file, part, 0, part.length, at);
  }
  closeSync(file);
}

/** The progress of the first phase counts what is examined, and ends with all of it. */
function expectProgress(events: readonly RunEvent[], examinedBytes: number): void {
  const start = events.find(({ type }) => type === 'phase-start');
  expect(start).toMatchObject({ phase: 'sync', examinedBytes });
  const progress = events.flatMap((event) =>
    event.type === 'progress' && event.phase === 'sync' ? [event] : [],
  );
  for (const { doneBytes, sizeBytes } of progress) {
    expect(sizeBytes).toBe(examinedBytes);
    expect(doneBytes).toBeLessThanOrEqual(examinedBytes);
  }
}
