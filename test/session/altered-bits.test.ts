import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Transform, type Duplex, type TransformCallback } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { BasynError } from '../../src/errors.ts';
import { frameHeaderBytes } from '../../src/protocol/frame.ts';
import { plainOrder, runInMemory } from '../support/memory-session.ts';
import { makeRandom } from '../../rig/images/random.ts';
import { caseCount } from '../support/lab-cases.ts';
import { memoryDirectory, scratchDirectory } from '../support/scratch.ts';

/**
 * Every bit of a conversation is altered, one at a time: each run fails, or makes the target equal. Some bits are
 * chosen here, hundreds by `npm run test:lab`; with `BASYN_TEST_ALL_BITS` set, all of them are altered.
 */

const sizeBytes = 48 * 1024;
const random = makeRandom(Number(process.env.BASYN_TEST_SEED ?? 7));
const chosenBits = process.env.BASYN_TEST_ALL_BITS === undefined ? caseCount(200) : Infinity;
const hangsAfterMs = 30_000;

const before = contents();

test.each([
  ['a COPY without compression', { phases: ['copy'], compression: { name: 'none', level: null } }, 'source'],
  ['a COPY with zlib', { phases: ['copy'], compression: { name: 'zlib', level: 1 } }, 'target'],
  ['a SYNC with a recheck', { phases: ['sync', 'recheck'], bufferBytes: 8192, chunkBytes: 1024 }, 'source'],
  ['a SYNC from the agent', { phases: ['sync'], bufferBytes: 8192 }, 'target'],
] as const)(
  '%s gives the right result or fails, whichever bit is altered in transit',
  { timeout: 24 * 3_600_000 },
  async (_, fields, localRole) => {
    const directory = scratchDirectory(memoryDirectory);
    const [sourcePath, targetPath] = [join(directory, 'source'), join(directory, 'target')];
    writeFileSync(sourcePath, before.source);
    const [localPath, remotePath] =
      localRole === 'source' ? [sourcePath, targetPath] : [targetPath, sourcePath];
    const order = { ...plainOrder, ...fields, localRole, localPath, remotePath, peerTimeoutMs: 1000 };

    const run = async (altered?: { direction: number; bit: number }): Promise<string> => {
      writeFileSync(targetPath, before.target);
      let direction = 0;
      const successes: string[] = [];
      const makeWire = (): Duplex => wires[direction]!(direction++ === altered?.direction ? altered.bit : -1);
      const ending = runInMemory(order, {
        makeWire,
        onLocalSuccess: () => void successes.push('local'),
      }).then(
        () => 'success',
        (error: unknown) => BasynError.from(error).code,
      );
      const outcome = await Promise.race([ending, sleep(hangsAfterMs, 'hangs', { ref: false })]);
      return successes.length > 0 ? 'success' : outcome;
    };
    const carried: number[][] = [[], []];
    const wires = carried.map((starts) => (bit: number) => new AlteringWire(bit, starts));

    expect(await run()).toBe('success');
    const honest = carried.map((starts) => [...starts]);
    for (const [direction, starts] of honest.entries()) {
      for (const bit of bitsOf(starts)) {
        const outcome = await run({ direction, bit });
        const where = `direction ${direction}, bit ${bit}`;
        if (outcome === 'success') {
          expect(readFileSync(targetPath).equals(before.source), where).toBe(true);
        } else {
          expect(['protocol', 'connection', 'device', 'refused'], where).toContain(outcome);
        }
      }
    }
  },
);

/** All bits, or some: as many in headers and what follows them as in all the rest. */
function bitsOf(starts: readonly number[]): number[] {
  const endBit = starts.at(-1)! * 8;
  if (endBit <= chosenBits) return Array.from({ length: endBit }, (_, bit) => bit);
  return Array.from({ length: chosenBits / 2 }).flatMap(() => {
    const start = starts[random.below(starts.length - 1)]!;
    const inHead = start * 8 + random.below((frameHeaderBytes + 20) * 8);
    return [Math.min(inHead, endBit - 1), random.below(endBit)];
  });
}

/** Alters one bit of its stream, and records where each piece starts and where the last one ends. */
class AlteringWire extends Transform {
  readonly #bit: number;
  readonly #starts: number[];
  #carriedBytes = 0;

  constructor(bit: number, starts: number[]) {
    super();
    this.#bit = bit;
    this.#starts = starts;
    starts.splice(0, starts.length, 0);
  }

  override _transform(bytes: Buffer, _encoding: string, done: TransformCallback): void {
    const piece = Buffer.from(bytes);
    const at = Math.floor(this.#bit / 8) - this.#carriedBytes;
    if (this.#bit >= 0 && at >= 0 && at < piece.length) piece[at]! ^= 1 << (this.#bit & 7);
    this.#carriedBytes += piece.length;
    this.#starts.push(this.#carriedBytes);
    done(null, piece);
  }
}

/** Text, zeros and noise; the target differs in some places. */
function contents(): { source: Buffer; target: Buffer } {
  const source = Buffer.alloc(sizeBytes, 'some text that repeats itself. ');
  source.fill(0, 10_000, 20_000);
  random.fill(source.subarray(30_000, 40_000));
  const target = Buffer.from(source);
  target.fill('old', 5000, 12_000);
  target.fill('older', 33_000, 36_000);
  return { source, target };
}
