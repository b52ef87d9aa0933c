import type { DeviceHandle } from '../device/handle.ts';
import { pieceBytesOf, PieceReader } from '../device/piece-reader.ts';
import { readFully, writeFully } from '../device/range-io.ts';
import { writeRange } from '../device/zeros.ts';
import { cutAll, joinNeighbours, type Extent } from '../digest/extent.ts';
import { limits } from '../limits.ts';
import type { CompareJob, CompareResult, CopyJob, CopyResult, SameHostJob, ResultOf } from './jobs.ts';

/**
 * Carries out one job on two devices of this machine, in the calling thread. It needs neither hashes nor compression,
 * and a small run doesn't load them.
 *
 * @throws {BasynError} `device` for what the disk says.
 */
export async function performOnSameHost<J extends SameHostJob>(job: J): Promise<ResultOf<J>> {
  return (await dispatch(job)) as ResultOf<J>;
}

function dispatch(job: SameHostJob): ResultOf<SameHostJob> | Promise<ResultOf<SameHostJob>> {
  switch (job.kind) {
    case 'compare':
      return compare(job);
    case 'copy':
      return copy(job);
  }
}

// A thread's own readers and memory, used again and again.
const sourceReader = new PieceReader();
const targetReader = new PieceReader();
let copyMemory: Buffer | undefined;

async function compare(job: CompareJob): Promise<CompareResult> {
  const { source, target, stepBytes } = job;
  const pieceBytes = Math.max(pieceBytesOf(source), pieceBytesOf(target));
  const differing =
    stepBytes > pieceBytes ? compareLargeSteps(job, pieceBytes) : compareSmallSteps(job, pieceBytes);
  try {
    return { differing: joinNeighbours(await differing) };
  } finally {
    await Promise.all([sourceReader.stop(), targetReader.stop()]);
  }
}

/** As many steps as fit into a piece share a read. What differs is written from the memory that was compared. */
async function compareSmallSteps(job: CompareJob, mostBytes: number): Promise<Extent[]> {
  const { source, target, extents, stepBytes, repair } = job;
  const pieces = cutAll(extents, mostBytes - (mostBytes % stepBytes));
  sourceReader.start(source, pieces);
  targetReader.start(target, pieces);
  const differing: Extent[] = [];
  for (const { offsetBytes } of pieces) {
    const { ours, theirs } = await nextPieces();
    if (ours.equals(theirs)) continue;
    for (const range of differingRanges(ours, theirs, stepBytes)) {
      const end = range.offsetBytes + range.lengthBytes;
      const place = { offsetBytes: offsetBytes + range.offsetBytes, lengthBytes: range.lengthBytes };
      if (repair !== undefined) {
        writeFully(repair, place.offsetBytes, ours.subarray(range.offsetBytes, end));
      }
      differing.push(place);
    }
  }
  return differing;
}

/** A step that is longer than a piece is compared piece by piece, and read once more where it has to be written. */
async function compareLargeSteps(job: CompareJob, pieceBytes: number): Promise<Extent[]> {
  const { source, target, extents, stepBytes, repair } = job;
  const steps = cutAll(extents, stepBytes);
  const pieces = cutAll(steps, pieceBytes);
  sourceReader.start(source, pieces);
  targetReader.start(target, pieces);
  const differing: Extent[] = [];
  for (const step of steps) {
    let isSame = true;
    for (let atBytes = 0; atBytes < step.lengthBytes; atBytes += pieceBytes) {
      const { ours, theirs } = await nextPieces();
      isSame &&= ours.equals(theirs);
    }
    if (isSame) continue;
    differing.push(step);
    if (repair !== undefined) copyRange(source, repair, step, 'write');
  }
  return differing;
}

/** Both reads are started before either is waited for. */
async function nextPieces(): Promise<{ ours: Buffer; theirs: Buffer }> {
  const theirs = targetReader.next();
  const ours = sourceReader.next();
  return { ours: bufferView(await ours), theirs: bufferView(await theirs) };
}

function differingRanges(ours: Buffer, theirs: Buffer, stepBytes: number): Extent[] {
  const differing = cutAll([{ offsetBytes: 0, lengthBytes: ours.byteLength }], stepBytes).filter(
    ({ offsetBytes, lengthBytes }) => {
      const end = offsetBytes + lengthBytes;
      return ours.compare(theirs, offsetBytes, end, offsetBytes, end) !== 0;
    },
  );
  return joinNeighbours(differing);
}

function copy({ source, target, extent, zeros }: CopyJob): CopyResult {
  copyRange(source, target, extent, zeros);
  return { writtenBytes: extent.lengthBytes };
}

/** A plain loop, as in hashing: this is most of what a copy does, and each thread would compile a generator. */
function copyRange(source: DeviceHandle, target: DeviceHandle, range: Extent, zeros: CopyJob['zeros']): void {
  const memory = (copyMemory ??= Buffer.allocUnsafeSlow(limits.pieceBytes));
  const endBytes = range.offsetBytes + range.lengthBytes;
  for (let atBytes = range.offsetBytes; atBytes < endBytes; atBytes += limits.pieceBytes) {
    const bytes = memory.subarray(0, Math.min(limits.pieceBytes, endBytes - atBytes));
    readFully(source, atBytes, bytes);
    writeRange(target, atBytes, bytes, zeros);
  }
}

function bufferView(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
