import { describe, expect, test } from 'vitest';
import { bounds, tuning } from '../../src/limits.ts';
import { typeNumbers } from '../../src/protocol/messages.ts';
import { PayloadMemory } from '../../src/link/payload-memory.ts';

const frameBytes = bounds.dataFrameBytes;

describe('memory for payloads', () => {
  test('has the requested length, whatever the size of the block behind it', () => {
    const memory = new PayloadMemory();
    const lengths = [0, 1, tuning.leastDataPayloadBytes, frameBytes, bounds.maxPayloadBytes];
    expect(lengths.map((length) => memory.take(length).byteLength)).toEqual(lengths);
  });

  test('is reused after all or a part of it was returned', () => {
    const memory = new PayloadMemory();
    const first = memory.take(frameBytes);
    memory.giveBack(first.subarray(100));
    const second = memory.take(tuning.leastDataPayloadBytes);
    expect(second.buffer).toBe(first.buffer);
    expect(second.byteOffset).toBe(0);
  });

  test('is never used twice at the same time', () => {
    const memory = new PayloadMemory();
    const first = memory.take(frameBytes);
    memory.giveBack(first);
    const taken = [memory.take(frameBytes), memory.take(frameBytes), memory.take(frameBytes)];
    expect(new Set(taken.map(({ buffer }) => buffer)).size).toBe(taken.length);
  });

  test('has the exact size if many small payloads may wait', () => {
    const lengthBytes = tuning.leastDataPayloadBytes - 1;
    expect(new PayloadMemory().take(lengthBytes).buffer.byteLength).toBe(lengthBytes);
  });

  test('is reused only for data frames: the digests of other frames stay in place', () => {
    const memory = new PayloadMemory();
    const digests = memory.forFrame(typeNumbers.digests, frameBytes);
    memory.giveBack(digests);
    expect(memory.forFrame(typeNumbers.data, frameBytes).buffer).not.toBe(digests.buffer);
  });

  test('that is kept for later is bounded', () => {
    const memory = new PayloadMemory();
    const taken = Array.from({ length: tuning.sparePayloads + 5 }, () => memory.take(frameBytes));
    for (const each of taken) memory.giveBack(each);
    const again = taken.map(() => memory.take(frameBytes).buffer);
    const known = new Set(taken.map(({ buffer }) => buffer));
    expect(again.filter((buffer) => known.has(buffer))).toHaveLength(tuning.sparePayloads);
  });

  test('has the exact size while many payloads are in use, and a full block afterwards', () => {
    const memory = new PayloadMemory();
    const lengthBytes = tuning.leastDataPayloadBytes;
    const taken = Array.from({ length: bounds.takenPayloads }, () => memory.take(lengthBytes));
    const further = memory.take(lengthBytes);
    expect(further.buffer.byteLength).toBe(lengthBytes);
    memory.giveBack(further);
    expect(memory.take(lengthBytes).buffer.byteLength).toBe(lengthBytes);
    memory.giveBack(taken[0]!);
    expect(memory.take(lengthBytes).buffer.byteLength).toBe(tuning.dataPayloadBytes);
  });
});
