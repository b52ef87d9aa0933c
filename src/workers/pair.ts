import { isZero } from '../codec/zero.ts';
import { RangeReader, writeFully } from '../device/range-io.ts';
import type { DeviceHandle } from '../device/handle.ts';
import { cut, joinNeighbours, type Extent } from '../digest/extent.ts';
import { limits } from '../limits.ts';
import type { CompareJob, CompareResult, CopyJob, CopyResult, PairJob, ResultOf } from './jobs.ts';

/**
 * Carries out one job on two devices of this machine, in the calling thread, with synchronous I/O. It needs neither
 * hashes nor compression, and a small run doesn't load them.
 *
 * @throws {BasynError} `device` for what the disk says.
 */
export function performOnPair<J extends PairJob>(job: J): ResultOf<J> {
  return dispatch(job) as ResultOf<J>;
}

function dispatch(job: PairJob): ResultOf<PairJob> {
  switch (job.kind) {
    case 'compare':
      return compare(job);
    case 'copy':
      return copy(job);
  }
}

function compare({ source, target, extents, stepBytes, difference }: CompareJob): CompareResult {
  const differing: Extent[] = [];
  const pieceBytes = Math.max(stepBytes, limits.pieceBytes - (limits.pieceBytes % stepBytes));
  for (const piece of extents.flatMap((extent) => [...cut(extent, pieceBytes)])) {
    const found = joinNeighbours(differingSteps(source, target, piece, stepBytes));
    if (difference === 'write') for (const range of found) copyRange(source, target, range, 'write');
    differing.push(...found);
  }
  return { differing: joinNeighbours(differing) };
}

function* differingSteps(
  source: DeviceHandle,
  target: DeviceHandle,
  piece: Extent,
  stepBytes: number,
): Generator<Extent> {
  if (piece.lengthBytes > limits.pieceBytes) {
    if (!isSame(source, target, piece)) yield piece;
    return;
  }
  const ours = bufferView(sourceReader().read(source, piece.offsetBytes, piece.lengthBytes));
  const theirs = bufferView(targetReader().read(target, piece.offsetBytes, piece.lengthBytes));
  if (ours.equals(theirs)) return;
  for (const step of cut({ offsetBytes: 0, lengthBytes: piece.lengthBytes }, stepBytes)) {
    const end = step.offsetBytes + step.lengthBytes;
    if (ours.compare(theirs, step.offsetBytes, end, step.offsetBytes, end) !== 0) {
      yield { offsetBytes: piece.offsetBytes + step.offsetBytes, lengthBytes: step.lengthBytes };
    }
  }
}

/** For a step that is longer than a piece: the same question, without holding it in memory. */
function isSame(source: DeviceHandle, target: DeviceHandle, step: Extent): boolean {
  for (const { offsetBytes, lengthBytes } of cut(step, limits.pieceBytes)) {
    const ours = sourceReader().read(source, offsetBytes, lengthBytes);
    if (!bufferView(ours).equals(targetReader().read(target, offsetBytes, lengthBytes))) return false;
  }
  return true;
}

function copy({ source, target, extent, zeros }: CopyJob): CopyResult {
  copyRange(source, target, extent, zeros);
  return { writtenBytes: extent.lengthBytes };
}

/** A plain loop, as in hashing: this is most of what a copy does, and each thread would compile a generator. */
function copyRange(source: DeviceHandle, target: DeviceHandle, range: Extent, zeros: CopyJob['zeros']): void {
  const reader = sourceReader();
  const endBytes = range.offsetBytes + range.lengthBytes;
  for (let atBytes = range.offsetBytes; atBytes < endBytes; atBytes += limits.pieceBytes) {
    const bytes = reader.read(source, atBytes, Math.min(limits.pieceBytes, endBytes - atBytes));
    if (zeros === 'write' || !isZero(bytes)) writeFully(target, atBytes, bytes);
  }
}

function bufferView(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

// A thread's own scratch memory, made when first needed.
let sourceMemory: RangeReader | undefined;
let targetMemory: RangeReader | undefined;

function sourceReader(): RangeReader {
  return (sourceMemory ??= new RangeReader(limits.pieceBytes));
}

function targetReader(): RangeReader {
  return (targetMemory ??= new RangeReader(limits.pieceBytes));
}
