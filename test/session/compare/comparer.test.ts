import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutAll, totalBytes, type Extent } from '../../../src/digest/extent.ts';
import { blockBytesOf, bufferExtentOf } from '../../../src/digest/geometry.ts';
import type { Hasher } from '../../../src/digest/hash.ts';
import { Comparer } from '../../../src/session/compare/comparer.ts';
import type { DigestSource } from '../../../src/session/compare/digest-source.ts';
import type { Coverage } from '../../../src/session/coverage.ts';
import { phaseOf, type Phase } from '../../../src/session/phase.ts';
import { TaskGroup } from '../../../src/session/task-group.ts';
import { InlineRunner } from '../../../src/workers/inline.ts';
import { perform } from '../../../src/workers/perform.ts';
import { fileHandle } from '../../support/file-handle.ts';
import { only } from '../coverage.fixture.ts';
import { devicePair } from '../device-pairs.fixture.ts';

test('a comparison needs no peer: it finds differences from the given digests', async () => {
  await fc.assert(
    fc.asyncProperty(devicePair, async ({ source, target }) => {
      const { found, read } = await compare(source, target, (phase) => phase.coverage);
      expect(found).toEqual(differingChunksOf(source, target));
      expect(read).toBe(Math.ceil(source.length / bufferBytes));
    }),
    { numRuns: 30 },
  );
});

test('buffers that are not examined count as equal, and their digests are not requested', async () => {
  const choices = fc.uniqueArray(fc.nat({ max: 30 }));
  await fc.assert(
    fc.asyncProperty(devicePair, choices, async ({ source, target }, chosen) => {
      const bufferCount = Math.ceil(source.length / bufferBytes);
      const examined = chosen.filter((index) => index < bufferCount).sort((a, b) => a - b);
      const { found, read } = await compare(source, target, () => only(examined));
      const isExamined = ({ offsetBytes }: Extent): boolean =>
        examined.includes(Math.floor(offsetBytes / bufferBytes));
      expect(found).toEqual(differingChunksOf(source, target).filter(isExamined));
      expect(read).toBe(examined.length);
    }),
    { numRuns: 30 },
  );
});

const bufferBytes = 8192;
const chunkBytes = 1024;

/** Compares a device with digests of bytes in memory. */
async function compare(
  source: Buffer,
  target: Buffer,
  coverageOf: (phase: Phase) => Coverage,
): Promise<{ found: Extent[]; read: number }> {
  const whole = await phaseFor(source);
  const phase = { ...whole, coverage: coverageOf(whole) };
  const theirs = new DigestsOf(target.subarray(0, source.length), phase);
  const tasks = new TaskGroup();
  const differing: Extent[] = [];
  const comparer = new Comparer({
    phase,
    theirs,
    tasks,
    onDiffering: async (extents) => void differing.push(...extents),
  });
  for (let position = 0; position < phase.coverage.bufferCount; position++) {
    const index = phase.coverage.indexAt(position);
    comparer.deliver(index, theirs.ofBuffer(index));
  }
  const findings = await tasks.race(comparer.run(() => undefined));
  expect(findings.differingBytes).toBe(totalBytes(differing));
  const found = cutAll(differing, chunkBytes).sort((a, b) => a.offsetBytes - b.offsetBytes);
  return { found, read: theirs.readBuffers };
}

class DigestsOf implements DigestSource {
  known(): undefined {
    return undefined;
  }

  readonly #bytes: Buffer;
  readonly #phase: Phase;
  readBuffers = 0;

  constructor(bytes: Buffer, phase: Phase) {
    this.#bytes = bytes;
    this.#phase = phase;
  }

  ofBuffer(index: number): Uint8Array {
    this.readBuffers++;
    const { geometry, hasher } = this.#phase;
    const buffer = bufferExtentOf(geometry, index);
    const blocks = this.#digestsOf([buffer], blockBytesOf(geometry), hasher);
    return buffer.lengthBytes <= blockBytesOf(geometry) ? blocks : hasher.digestOne(blocks);
  }

  async ask(extents: readonly Extent[], stepBytes: number): Promise<Uint8Array> {
    return this.#digestsOf(extents, stepBytes, this.#phase.hasher);
  }

  advance(): void {
    // All digests were delivered at once.
  }

  #digestsOf(extents: readonly Extent[], stepBytes: number, hasher: Hasher): Uint8Array {
    const steps = cutAll(extents, stepBytes);
    return Buffer.concat(steps.map((step) => hasher.digestOne(partOf(this.#bytes, step))));
  }
}

async function phaseFor(source: Buffer): Promise<Phase> {
  const device = fileHandle(source);
  const plan = {
    phase: 'recheck',
    sizeBytes: source.length,
    hash: 'SHA1',
    bufferBytes,
    chunkBytes,
    windowBuffers: 1000,
    compression: { name: 'none', level: null },
    roundTripMs: null,
    dryRun: false,
  } as const;
  return phaseOf({
    plan,
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

function differingChunksOf(source: Buffer, target: Buffer): Extent[] {
  return cutAll([{ offsetBytes: 0, lengthBytes: source.length }], chunkBytes).filter(
    (chunk) => !partOf(source, chunk).equals(partOf(target.subarray(0, source.length), chunk)),
  );
}

function partOf(bytes: Buffer, { offsetBytes, lengthBytes }: Extent): Buffer {
  return bytes.subarray(offsetBytes, offsetBytes + lengthBytes);
}
