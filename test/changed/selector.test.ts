import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { makeRandom } from '../../rig/images/random.ts';
import { ChangeList } from '../../src/changed/change-list.ts';
import { complementOf, sampleOutside } from '../../src/changed/sample.ts';
import { changedSelector } from '../../src/changed/selector.ts';
import { geometryOf } from '../../src/digest/geometry.ts';
import { BasynError } from '../../src/errors.ts';
import { Continuity } from '../../src/session/continuity.ts';
import { isExamined, runsOf, wholeDevice } from '../../src/session/coverage.ts';
import type { PhaseSelector, SelectedPhase, Selection } from '../../src/session/selection.ts';
import { BreakingWire } from '../support/breaking-wire.ts';
import { caseCount } from '../support/lab-cases.ts';
import { makeReporter, plainOrder, runInMemory } from '../support/memory-session.ts';
import { memoryDirectory, scratchDirectory } from '../support/scratch.ts';
import { only } from '../session/coverage.fixture.ts';

const bufferBytes = 1000;
const geometry = geometryOf(100_500, bufferBytes, 1000);
const phase: SelectedPhase = { phase: 'sync', geometry, newFromBytes: undefined, mayHaveMoreNew: false };

interface Given {
  readonly select: PhaseSelector;
  readonly said: string[];
}

/** Buffers 3 and 4 are listed. */
function selector(sampleBytes: number): Given {
  const list = new ChangeList('list of changes', bufferBytes);
  list.changed(3500, 1000);
  const said: string[] = [];
  const report = (type: string, message: string): void => void said.push(`${type}: ${message}`);
  return { select: changedSelector({ list, sampleBytes, note: 'the list', report }), said };
}

function runs({ coverage }: Selection): number[][] {
  return [...runsOf(coverage)].map(({ firstIndex, endIndex }) => [firstIndex, endIndex]);
}

describe('a run with a list of changes', () => {
  test('examines what is listed in a SYNC, and everything in a recheck', async () => {
    const { select, said } = selector(0);
    const selection = await select(phase);
    expect(runs(selection!)).toEqual([[3, 5]]);
    expect(selection!.probe).toBeUndefined();
    expect(selection!.changeList).toEqual({ listedBytes: 2000, sampledBytes: 0 });
    expect(await select({ ...phase, phase: 'recheck' })).toBeUndefined();
    expect(said).toEqual(['note: the list']);
  });

  test('examines the new end of the target as well', async () => {
    const selection = await selector(0).select({ ...phase, newFromBytes: 98_100 });
    expect(runs(selection!)).toEqual([
      [3, 5],
      [98, 101],
    ]);
    expect(selection!.changeList).toEqual({ listedBytes: 2000, sampledBytes: 0 });
  });

  test('compares everything if the target may have been extended in an attempt whose answer was lost', async () => {
    const { select, said } = selector(0);
    const selection = await select({ ...phase, mayHaveMoreNew: true });
    expect(runs(selection!)).toEqual([[0, 101]]);
    expect(said.at(-1)).toMatch(/^warning: The link failed before the target had answered/);
  });

  test('keeps its choice for later attempts, once the sample is compared', async () => {
    const { select, said } = selector(10_000);
    const first = await select(phase);
    expect(first!.probe!.coverage.bufferCount).toBe(10);
    // The attempt failed before the sample was compared.
    const second = await select(phase);
    expect(second!.probe).toBeDefined();
    const accepted = second!.probe!.judge({ differingBytes: 0, differingRanges: [], differingRangeCount: 0 });
    expect(accepted.probe).toBeUndefined();
    expect(runs(accepted)).toEqual([[3, 5]]);
    expect(await select(phase)).toBe(accepted);
    expect(said.filter((message) => message.startsWith('warning'))).toEqual([]);
  });

  test('keeps the rejection of the list for later attempts', async () => {
    const { select, said } = selector(10_000);
    const { probe } = (await select(phase))!;
    const differingRanges = [{ offsetBytes: 7000, lengthBytes: 500 }];
    const rejected = probe!.judge({ differingBytes: 500, differingRanges, differingRangeCount: 1 });
    expect(runs(rejected)).toEqual([[0, 101]]);
    const { coverage } = probe!;
    // The last buffer is short, and the sample is random.
    const missingBytes = isExamined(coverage, 100) ? 500 : 0;
    expect(rejected.changeList).toMatchObject({
      rejectedAtBytes: 7000,
      sampledBytes: coverage.bufferCount * 1000 - missingBytes,
    });
    expect(await select(phase)).toBe(rejected);
    expect(said.at(-1)).toMatch(/differ at offset 7000/);
  });
});

describe('the sample', () => {
  test('the sample is random, outside the list, and of the wanted size', () => {
    const listed = only([3, 4, 50, 100]);
    const seen = new Set<string>();
    for (let draw = 0; draw < 20; draw++) {
      const sample = sampleOutside(listed, geometry, 9_500);
      expect(sample.bufferCount).toBe(10);
      const indexes = Array.from({ length: 10 }, (_, position) => sample.indexAt(position));
      expect(indexes.some((index) => isExamined(listed, index))).toBe(false);
      seen.add(indexes.join(' '));
    }
    expect(seen.size).toBe(20);
  });

  test('is everything outside the list if that is less', () => {
    const listed = only([3, 4, 50, 100]);
    expect(sampleOutside(listed, geometry, 1_000_000).bufferCount).toBe(97);
    expect(sampleOutside(wholeDevice(geometry), geometry, 1_000_000).bufferCount).toBe(0);
    expect([...runsOf(complementOf(listed, geometry))]).toHaveLength(3);
  });

  test('of a large device has larger places, so that their list is short', () => {
    const large = geometryOf(2 ** 50, 4096, 4096);
    const sample = sampleOutside(only([5]), large, 2 ** 30);
    expect(sample.bufferCount).toBeGreaterThanOrEqual(2 ** 30 / 4096);
    expect([...runsOf(sample)].length).toBeLessThanOrEqual(16_384);
  });
});

test.each(Array.from({ length: caseCount(60) / 5 }, (_, seed) => seed))(
  'a run with a list and a sample that is interrupted repairs what the list names: seed %i',
  async (seed) => {
    const directory = scratchDirectory(memoryDirectory);
    const paths = { source: join(directory, 'source'), target: join(directory, 'target') };
    const source = mixedBytes(800_000, seed);
    const target = Buffer.from(source);
    const random = makeRandom(seed + 1);
    const list = new ChangeList('list of changes', 4096);
    for (let count = 0; count < 20; count++) {
      const at = random.below(source.length - 3000);
      random.fill(target.subarray(at, at + 3000));
      list.changed(at, 3000);
    }
    writeFileSync(paths.source, source);
    writeFileSync(paths.target, target);
    const report = (type: string, message: string): void => expect(`${type}: ${message}`).toMatch(/^note: /);
    const select = changedSelector({ list, sampleBytes: 100_000, note: 'the list', report });
    const isPush = seed % 2 === 0;
    const [localPath, remotePath] = isPush ? [paths.source, paths.target] : [paths.target, paths.source];
    const localRole = isPush ? ('source' as const) : ('target' as const);
    const order = { ...plainOrder, localPath, remotePath, localRole, bufferBytes: 4096 };
    const continuity = new Continuity();
    const reporter = makeReporter(undefined, order);
    for (let attempt = 1; ; attempt++) {
      const budget = { bytes: attempt > 4 ? Infinity : 1000 + random.below(30_000) };
      try {
        const makeWire = (): BreakingWire => new BreakingWire(budget);
        const { phases } = await runInMemory(order, { makeWire, continuity, reporter, select });
        expect(phases[0]!.changeList!.sampledBytes).toBeGreaterThan(24 * 4096);
        break;
      } catch (error) {
        if (!(error instanceof BasynError) || error.retryable !== true) throw error;
        continuity.next();
      }
    }
    expect(readFileSync(paths.target).equals(source)).toBe(true);
  },
);
