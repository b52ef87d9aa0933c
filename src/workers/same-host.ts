import type { DeviceHandle } from '../device/handle.ts';
import { pieceBytesOf, PieceReader } from '../device/piece-reader.ts';
import { readFully } from '../device/range-io.ts';
import { nothingWritten, TargetWriter } from '../device/zeros.ts';
import { cutAll, joinNeighbours, type Extent } from '../digest/extent.ts';
import { tuning } from '../limits.ts';
import type {
  CompareJob,
  CompareResult,
  CopyJob,
  CopyResult,
  ResultOf,
  SameHostJob,
  ZeroJob,
} from './jobs.ts';

/**
 * Runs one job on two devices of this host, in the calling thread. It needs neither hashes nor compression, so that a small
 * run does not load them.
 *
 * @throws {BasynError} `device`, if a read or write fails.
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
    case 'zero':
      return zero(job);
  }
}

// The readers and the memory of a thread are reused for all its jobs.
const sourceReader = new PieceReader();
const targetReader = new PieceReader();
let copyMemory: Buffer | undefined;

async function compare(job: CompareJob): Promise<CompareResult> {
  const { source, target, stepBytes, repair, zeros } = job;
  const pieceBytes = Math.max(pieceBytesOf(source), pieceBytesOf(target));
  const writer = repair && new TargetWriter(repair, zeros);
  const compareSteps = stepBytes > pieceBytes ? compareLargeSteps : compareSmallSteps;
  try {
    const differing = joinNeighbours(await compareSteps(job, pieceBytes, writer));
    return { differing, ...(writer?.outcome() ?? nothingWritten) };
  } finally {
    await Promise.all([sourceReader.stop(), targetReader.stop()]);
  }
}

/** One read covers as many steps as fit into a piece. Differing steps are written from the memory that was compared. */
async function compareSmallSteps(
  { source, target, extents, stepBytes }: CompareJob,
  mostBytes: number,
  writer: TargetWriter | undefined,
): Promise<Extent[]> {
  const pieces = cutAll(extents, mostBytes - (mostBytes % stepBytes));
  sourceReader.start(source, pieces);
  targetReader.start(target, pieces);
  const differing: Extent[] = [];
  for (const { offsetBytes } of pieces) {
    const { sourcePiece, targetPiece } = await nextPieces();
    if (sourcePiece.equals(targetPiece)) continue;
    for (const range of differingRanges(sourcePiece, targetPiece, stepBytes)) {
      const end = range.offsetBytes + range.lengthBytes;
      const place = { offsetBytes: offsetBytes + range.offsetBytes, lengthBytes: range.lengthBytes };
      writer?.bytes(place.offsetBytes, sourcePiece.subarray(range.offsetBytes, end));
      differing.push(place);
    }
  }
  return differing;
}

/** Compares a step that is longer than a piece in pieces. Reads it again if it has to be written. */
async function compareLargeSteps(
  { source, target, extents, stepBytes }: CompareJob,
  pieceBytes: number,
  writer: TargetWriter | undefined,
): Promise<Extent[]> {
  const steps = cutAll(extents, stepBytes);
  const pieces = cutAll(steps, pieceBytes);
  sourceReader.start(source, pieces);
  targetReader.start(target, pieces);
  const differing: Extent[] = [];
  for (const step of steps) {
    let isSame = true;
    for (let atBytes = 0; atBytes < step.lengthBytes; atBytes += pieceBytes) {
      const { sourcePiece, targetPiece } = await nextPieces();
      isSame &&= sourcePiece.equals(targetPiece);
    }
    if (isSame) continue;
    differing.push(step);
    if (writer !== undefined) copyRange(source, step, writer);
  }
  return differing;
}

/** Starts both reads before awaiting one. */
async function nextPieces(): Promise<{ sourcePiece: Buffer; targetPiece: Buffer }> {
  const targetPiece = targetReader.next();
  const sourcePiece = sourceReader.next();
  return { sourcePiece: bufferView(await sourcePiece), targetPiece: bufferView(await targetPiece) };
}

function differingRanges(sourcePiece: Buffer, targetPiece: Buffer, stepBytes: number): Extent[] {
  const differing = cutAll([{ offsetBytes: 0, lengthBytes: sourcePiece.byteLength }], stepBytes).filter(
    ({ offsetBytes, lengthBytes }) => {
      const end = offsetBytes + lengthBytes;
      return sourcePiece.compare(targetPiece, offsetBytes, end, offsetBytes, end) !== 0;
    },
  );
  return joinNeighbours(differing);
}

function copy({ source, target, extents, zeros }: CopyJob): CopyResult {
  const writer = new TargetWriter(target, zeros);
  for (const extent of extents) copyRange(source, extent, writer);
  return writer.outcome();
}

function zero({ target, extents, zeros }: ZeroJob): CopyResult {
  const writer = new TargetWriter(target, zeros);
  for (const { offsetBytes, lengthBytes } of extents) writer.zeros(offsetBytes, lengthBytes);
  return writer.outcome();
}

/** A plain loop, because a copy spends most of its time here and each thread would have to compile a generator. */
function copyRange(source: DeviceHandle, range: Extent, writer: TargetWriter): void {
  const memory = (copyMemory ??= Buffer.allocUnsafeSlow(tuning.pieceBytes));
  const endBytes = range.offsetBytes + range.lengthBytes;
  for (let atBytes = range.offsetBytes; atBytes < endBytes; atBytes += tuning.pieceBytes) {
    const bytes = memory.subarray(0, Math.min(tuning.pieceBytes, endBytes - atBytes));
    readFully(source, atBytes, bytes);
    writer.bytes(atBytes, bytes);
  }
}

function bufferView(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
