import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type * as handles from '../../src/device/handle.ts';
import type * as limits from '../../src/limits.ts';
import { totalBytes } from '../../src/digest/extent.ts';
import { BasynError } from '../../src/errors.ts';
import { geometryOf } from '../../src/digest/geometry.ts';
import type { ExtentFact, PhaseName, RunReport } from '../../src/report.ts';
import { Continuity } from '../../src/session/continuity.ts';
import { examinedBytesBefore } from '../../src/session/coverage.ts';
import type { PhaseSelector } from '../../src/session/selection.ts';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { makeRandom, type Random } from '../../rig/images/random.ts';
import { InlineRunner } from '../../src/workers/inline.ts';
import type { Job, JobRunner, ResultOf } from '../../src/workers/jobs.ts';
import { perform } from '../../src/workers/perform.ts';
import { BreakingWire } from '../support/breaking-wire.ts';
import { caseCount } from '../support/lab-cases.ts';
import { makeReporter, plainOrder, runInMemory } from '../support/memory-session.ts';
import { differingChunks } from '../support/naive.ts';
import { memoryDirectory, scratchDirectory } from '../support/scratch.ts';
import { randomCoverage, repairedIn } from './coverage.fixture.ts';
import { unionOf } from './extent-facts.fixture.ts';

/** What the disk below the target certainly holds: the contents when the last complete flush began. */
const disk = vi.hoisted(() => ({ path: '', durable: Buffer.alloc(0) }));

// A checkpoint at every opportunity, and little in flight, so that a small device has many of them.
vi.mock('../../src/limits.ts', async (load) => {
  const original = await load<typeof limits>();
  const frequent = { checkpointIntervalMs: 0, firstCheckpointMs: 0, checkpointStepBytes: 1 };
  const tuning = { ...original.tuning, ...frequent };
  const bounds = {
    ...original.bounds,
    sendQueueBytes: 40_000,
    dataWindowBytes: 60_000,
    dataFrameBytes: 20_000,
  };
  return { ...original, tuning, bounds };
});
vi.mock('../../src/device/handle.ts', async (load) => {
  const original = await load<typeof handles>();
  const flush = async (handle: handles.DeviceHandle): Promise<void> => {
    const contents = handle.path === disk.path ? readFileSync(disk.path) : undefined;
    await original.flush(handle);
    if (contents !== undefined) disk.durable = contents;
  };
  return { ...original, flush };
});

const bufferBytes = 4096;
const sizeBytes = 600_000;

test.each(Array.from({ length: caseCount(300) }, (_, seed) => seed))(
  'a run that is interrupted at any point, and loses what is not flushed, ends with an equal target, exact counts and every range: seed %i',
  async (seed) => {
    const random = makeRandom(seed + 1);
    const directory = scratchDirectory(memoryDirectory);
    const paths = { source: join(directory, 'source'), target: join(directory, 'target') };
    const source = mixedBytes(sizeBytes, seed);
    const target = alteredCopy(source, random);
    writeFileSync(paths.source, source);
    writeFileSync(paths.target, target);
    Object.assign(disk, { path: paths.target, durable: target });
    const localRole = random.below(2) === 0 ? ('source' as const) : ('target' as const);
    const phases = (
      [['copy'], ['sync'], ['sync', 'recheck'], ['copy', 'recheck']] as const satisfies PhaseName[][]
    )[random.below(4)]!;
    const [localPath, remotePath] =
      localRole === 'source' ? [paths.source, paths.target] : [paths.target, paths.source];
    const order = { ...plainOrder, localPath, remotePath, localRole, phases, bufferBytes, chunkBytes: 1024 };
    const { report, places, facts } = await runInterrupted(order, random);

    expect(readFileSync(paths.target).equals(source)).toBe(true);
    expect(disk.durable.equals(source)).toBe(true);
    expect(report.matches).toBe(true);
    const differing = differingChunks(source, target, bufferBytes, 1024);
    expectExact(report, differing, places);
    // Also what an attempt has written, and the next one finds equal.
    if (phases[0] === 'sync') expect(unionOf(facts, 'sync', 'differing')).toEqual(differing);
  },
);

type Order = Parameters<typeof runInMemory>[0];

/** @returns the report, and where the attempts continued. */
async function runInterrupted(
  order: Order,
  random: Random,
  select?: PhaseSelector,
): Promise<{ report: RunReport; places: readonly number[]; facts: readonly ExtentFact[] }> {
  const continuity = new Continuity();
  const facts: ExtentFact[] = [];
  const reporter = makeReporter({ onExtent: (fact) => facts.push(fact) }, order);
  const places: number[] = [];
  for (;;) {
    const isLast = places.length === 6;
    const budget = { bytes: isLast ? Infinity : 1500 + random.below(250_000) };
    try {
      const makeWire = (): BreakingWire => new BreakingWire(budget);
      const makeRunner = (): JobRunner => new SlowWriter(random);
      const report = await runInMemory(order, {
        makeWire,
        makeRunner,
        continuity,
        reporter,
        ...(select && { select }),
      });
      return { report, places, facts };
    } catch (error) {
      if (!(error instanceof BasynError) || error.retryable !== true || isLast) throw error;
    }
    // The power fails: the disk has only what was flushed.
    if (random.below(2) === 0) writeFileSync(disk.path, disk.durable, { flag: 'r+' });
    const { fromBytes } = continuity;
    places.push(fromBytes);
    continuity.next();
    const interruption = { reason: 'cut', elapsedMs: 1, waitMs: 0, lostBytes: 0 };
    reporter.interrupted(continuity.run.attempt, interruption, fromBytes);
  }
}

/** The counts cover the whole device, apart from what attempts wrote behind their last checkpoint and a SYNC finds equal. */
function expectExact(
  { phases }: RunReport,
  differing: ReturnType<typeof differingChunks>,
  places: readonly number[],
): void {
  for (const { phase, differingBytes, differingRanges, differingRangeCount, writtenBytes } of phases) {
    const expected = phase === 'copy' ? sizeBytes : phase === 'recheck' ? 0 : totalBytes(differing);
    expect(differingBytes).toBeLessThanOrEqual(expected);
    if (phase !== 'sync' || places.length === 0) expect(differingBytes).toBe(expected);
    if (phase === 'copy') expect(differingRanges).toEqual([{ offsetBytes: 0, lengthBytes: sizeBytes }]);
    if (phase === 'copy') expect(differingRangeCount).toBe(1);
    expect(writtenBytes).toBe(phase === 'recheck' ? 0 : differingBytes);
  }
}

test.each(Array.from({ length: caseCount(150) }, (_, seed) => seed))(
  'a run over a part of the device that is interrupted repairs that part, and nothing else: seed %i',
  async (seed) => {
    const random = makeRandom(seed + 1000);
    const directory = scratchDirectory(memoryDirectory);
    const paths = { source: join(directory, 'source'), target: join(directory, 'target') };
    const source = mixedBytes(sizeBytes, seed);
    const target = alteredCopy(source, random);
    writeFileSync(paths.source, source);
    writeFileSync(paths.target, target);
    Object.assign(disk, { path: paths.target, durable: target });
    const geometry = geometryOf(sizeBytes, bufferBytes, 1024);
    const coverage = randomCoverage(geometry, random);
    const localRole = random.below(2) === 0 ? ('source' as const) : ('target' as const);
    const [localPath, remotePath] =
      localRole === 'source' ? [paths.source, paths.target] : [paths.target, paths.source];
    const phases = ['sync', 'recheck'] as const;
    const order = { ...plainOrder, localPath, remotePath, localRole, phases, bufferBytes, chunkBytes: 1024 };
    const { report } = await runInterrupted(order, random, ({ phase }) =>
      Promise.resolve(phase === 'recheck' ? undefined : { coverage }),
    );

    const repaired = repairedIn(coverage, geometry, source, target);
    expect(readFileSync(paths.target).equals(repaired)).toBe(true);
    expect(disk.durable.equals(repaired)).toBe(true);
    expect(report.phases[0]!.examinedBytes).toBe(examinedBytesBefore(coverage, geometry, sizeBytes));
    expect(report.matches).toBe(repaired.equals(source));
    const left = totalBytes(differingChunks(source, repaired, bufferBytes, 1024));
    expect(report.phases[1]).toMatchObject({ differingBytes: left });
  },
);

test('an attempt after all phases have ended asks for the end only', async () => {
  const directory = scratchDirectory(memoryDirectory);
  const [localPath, remotePath] = [join(directory, 'source'), join(directory, 'target')];
  const order = { ...plainOrder, localPath, remotePath, phases: ['sync'] as const, bufferBytes };
  const attempt = (budget: { bytes: number }, continuity: Continuity): Promise<RunReport> => {
    writeFileSync(localPath, mixedBytes(sizeBytes, 1));
    writeFileSync(remotePath, mixedBytes(sizeBytes, 1));
    const makeWire = (): BreakingWire => new BreakingWire(budget);
    return runInMemory(order, { makeWire, continuity, reporter: makeReporter(undefined, order) });
  };
  const whole = { bytes: 1e9 };
  await attempt(whole, new Continuity());
  const neededBytes = 1e9 - whole.bytes;
  let lateCuts = 0;
  for (let missingBytes = 1; missingBytes < 200; missingBytes += 7) {
    const continuity = new Continuity();
    try {
      await attempt({ bytes: neededBytes - missingBytes }, continuity);
      continue;
    } catch {
      if (continuity.phasesLeft(order.phases).length > 0) continue;
    }
    lateCuts++;
    continuity.next();
    await attempt({ bytes: 1e9 }, continuity);
  }
  expect(lateCuts).toBeGreaterThan(0);
});

test('later attempts continue behind the start', async () => {
  const directory = scratchDirectory(memoryDirectory);
  const [localPath, remotePath] = [join(directory, 'source'), join(directory, 'target')];
  writeFileSync(localPath, mixedBytes(sizeBytes, 1));
  writeFileSync(remotePath, mixedBytes(sizeBytes, 2));
  Object.assign(disk, { path: remotePath, durable: readFileSync(remotePath) });
  const order = { ...plainOrder, localPath, remotePath, phases: ['copy'] as const, bufferBytes };
  const found: number[] = [];
  for (let seed = 0; seed < 5; seed++) found.push(...(await runInterrupted(order, makeRandom(seed))).places);
  expect(Math.max(...found)).toBeGreaterThan(bufferBytes);
});

function alteredCopy(source: Buffer, random: Random): Buffer {
  const copy = Buffer.from(source);
  for (let count = random.below(40); count > 0; count--) {
    const at = random.below(sizeBytes);
    random.fill(copy.subarray(at, at + 1 + random.below(30_000)));
  }
  return copy;
}

/** Performs jobs at once, but writes after some milliseconds, and in another order than they arrive. */
class SlowWriter extends InlineRunner<Job> {
  readonly #random: Random;

  constructor(random: Random) {
    super(perform);
    this.#random = random;
  }

  override async run<J extends Job>(job: J): Promise<ResultOf<J>> {
    if (job.kind === 'write') await sleep(this.#random.below(6));
    return super.run(job);
  }
}
