import { pieceBytesOf, PieceReader } from '../device/piece-reader.ts';
import { readFully } from '../device/range-io.ts';
import { nothingWritten, TargetWriter } from '../device/zeros.ts';
import { cutAll, joinNeighbours, within, without, type Extent } from '../digest/extent.ts';
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
import { onDevice } from './job-meter.ts';
import { UnreadableInJob } from './unreadable.ts';

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

type Devices = Pick<CompareJob, 'source' | 'target'>;

// The readers and the memory of a thread are reused for all its jobs.
const sourceReader = new PieceReader();
const targetReader = new PieceReader();
/** For ranges that are written while the two others read ahead. */
const copyReader = new PieceReader();
let copyMemory: Buffer | undefined;

async function compare(job: CompareJob): Promise<CompareResult> {
  const { source, target, stepBytes, repair, zeros } = job;
  const unreadable = new UnreadableInJob(job, source);
  const pieceBytes = Math.max(pieceBytesOf(source), pieceBytesOf(target));
  const writer = repair && new TargetWriter(repair, zeros);
  const compareSteps = stepBytes > pieceBytes ? compareLargeSteps : compareSmallSteps;
  try {
    const differing = joinNeighbours(await compareSteps(job, pieceBytes, unreadable, writer));
    return { differing, ...(writer?.outcome() ?? nothingWritten), ...unreadable.result() };
  } finally {
    await Promise.all([sourceReader.stop(), targetReader.stop()]);
  }
}

/** One read covers as many steps as fit into a piece. Differing steps are written from the memory that was compared. */
async function compareSmallSteps(
  { source, target, extents, stepBytes }: CompareJob,
  mostBytes: number,
  unreadable: UnreadableInJob,
  writer: TargetWriter | undefined,
): Promise<Extent[]> {
  const pieces = cutAll(extents, mostBytes - (mostBytes % stepBytes));
  sourceReader.start(source, pieces, unreadable.listener);
  targetReader.start(target, pieces);
  const differing: Extent[] = [];
  for (const piece of pieces) {
    const { sourcePiece, targetPiece, lost } = await nextPieces({ source, target }, piece, unreadable);
    if (sourcePiece.equals(targetPiece)) continue;
    for (const place of without(differingRanges(piece, sourcePiece, targetPiece, stepBytes), lost)) {
      const start = place.offsetBytes - piece.offsetBytes;
      onDevice(target.side, () =>
        writer?.bytes(place.offsetBytes, sourcePiece.subarray(start, start + place.lengthBytes)),
      );
      differing.push(place);
    }
  }
  return differing;
}

/** Compares a step that is longer than a piece in pieces. Reads it again if it has to be written. */
async function compareLargeSteps(
  { source, target, extents, stepBytes }: CompareJob,
  pieceBytes: number,
  unreadable: UnreadableInJob,
  writer: TargetWriter | undefined,
): Promise<Extent[]> {
  const steps = cutAll(extents, stepBytes);
  const pieces = cutAll(steps, pieceBytes);
  sourceReader.start(source, pieces, unreadable.listener);
  targetReader.start(target, pieces);
  const differing: Extent[] = [];
  for (const step of steps) {
    let isSame = true;
    for (const piece of cutAll([step], pieceBytes)) {
      const { sourcePiece, targetPiece } = await nextPieces({ source, target }, piece, unreadable);
      isSame &&= sourcePiece.equals(targetPiece);
    }
    if (isSame) continue;
    const places = without([step], unreadable.ranges);
    if (writer !== undefined) {
      for (const place of places) await copyRange({ source, target }, place, writer, unreadable);
    }
    // Without what could be compared, and not be read again.
    differing.push(...without(places, unreadable.ranges));
  }
  return differing;
}

interface Pieces {
  readonly sourcePiece: Buffer;
  readonly targetPiece: Buffer;
  /** What could not be read of the source. Both pieces are equal there. */
  readonly lost: readonly Extent[];
}

/** Starts both reads before awaiting one. */
async function nextPieces(
  { source, target }: Devices,
  piece: Extent,
  unreadable: UnreadableInJob,
): Promise<Pieces> {
  const targetReading = onDevice(target.side, () => targetReader.next());
  const sourceReading = onDevice(source.side, () => sourceReader.next());
  const [sourcePiece, targetPiece] = [bufferView(await sourceReading), bufferView(await targetReading)];
  const lost = within(unreadable.ranges, piece);
  for (const { offsetBytes, lengthBytes } of lost) {
    const start = offsetBytes - piece.offsetBytes;
    targetPiece.copy(sourcePiece, start, start, start + lengthBytes);
  }
  return { sourcePiece, targetPiece, lost };
}

/** The differing steps of a piece, which begins with a step. */
function differingRanges(
  piece: Extent,
  sourcePiece: Buffer,
  targetPiece: Buffer,
  stepBytes: number,
): Extent[] {
  const differing = cutAll([piece], stepBytes).filter(({ offsetBytes, lengthBytes }) => {
    const start = offsetBytes - piece.offsetBytes;
    const end = start + lengthBytes;
    return sourcePiece.compare(targetPiece, start, end, start, end) !== 0;
  });
  return joinNeighbours(differing);
}

async function copy(job: CopyJob): Promise<CopyResult> {
  const { source, target, extents, zeros } = job;
  const unreadable = new UnreadableInJob(job, source);
  const writer = new TargetWriter(target, zeros);
  for (const extent of extents) await copyRange({ source, target }, extent, writer, unreadable);
  return { ...writer.outcome(), ...unreadable.result() };
}

function zero({ target, extents, zeros }: ZeroJob): CopyResult {
  const writer = new TargetWriter(target, zeros);
  onDevice(target.side, () => {
    for (const { offsetBytes, lengthBytes } of extents) writer.zeros(offsetBytes, lengthBytes);
  });
  return writer.outcome();
}

function copyRange(
  devices: Devices,
  range: Extent,
  writer: TargetWriter,
  unreadable: UnreadableInJob,
): Promise<void> {
  if (devices.source.access === 'direct') return copyRangeDirectly(devices, range, writer, unreadable);
  copyRangeThroughCache(devices, range, writer, unreadable);
  return Promise.resolve();
}

async function copyRangeDirectly(
  { source, target }: Devices,
  range: Extent,
  writer: TargetWriter,
  unreadable: UnreadableInJob,
): Promise<void> {
  const pieces = cutAll([range], pieceBytesOf(source));
  try {
    copyReader.start(source, pieces, unreadable.listener);
    for (const piece of pieces) {
      const bytes = await onDevice(source.side, () => copyReader.next());
      onDevice(target.side, () => writePiece(piece, bytes, writer, unreadable));
    }
  } finally {
    await copyReader.stop();
  }
}

/** A plain loop, because a copy spends most of its time here and each thread would have to compile a generator. */
function copyRangeThroughCache(
  { source, target }: Devices,
  range: Extent,
  writer: TargetWriter,
  unreadable: UnreadableInJob,
): void {
  const memory = (copyMemory ??= Buffer.allocUnsafeSlow(tuning.pieceBytes));
  const endBytes = range.offsetBytes + range.lengthBytes;
  for (let atBytes = range.offsetBytes; atBytes < endBytes; atBytes += tuning.pieceBytes) {
    const piece = { offsetBytes: atBytes, lengthBytes: Math.min(tuning.pieceBytes, endBytes - atBytes) };
    const bytes = memory.subarray(0, piece.lengthBytes);
    onDevice(source.side, () => readFully(source, atBytes, bytes, unreadable.listener));
    onDevice(target.side, () => writePiece(piece, bytes, writer, unreadable));
  }
}

/** Without what could not be read. */
function writePiece(
  piece: Extent,
  bytes: Uint8Array,
  writer: TargetWriter,
  { ranges }: UnreadableInJob,
): void {
  for (const { offsetBytes, lengthBytes } of without([piece], ranges)) {
    const start = offsetBytes - piece.offsetBytes;
    writer.bytes(offsetBytes, bytes.subarray(start, start + lengthBytes));
  }
}

function bufferView(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
