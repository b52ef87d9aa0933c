import { decode, encode, isZero } from '../codec/codec.ts';
import { RangeReader, readFully, writeFully } from '../device/range-io.ts';
import type { DeviceHandle } from '../device/handle.ts';
import { cut, joinNeighbours, totalBytes, type Extent } from '../digest/extent.ts';
import { stepCountOf } from '../digest/geometry.ts';
import { loadHasher, type Hasher } from '../digest/hash.ts';
import type { HashName } from '../digest/hash-names.ts';
import { limits } from '../limits.ts';
import type {
  CompareJob,
  CompareResult,
  CopyJob,
  CopyResult,
  DigestJob,
  DigestResult,
  Job,
  JobResults,
  ReadJob,
  ReadResult,
  ResultOf,
  WriteJob,
  WriteResult,
} from './jobs.ts';

/**
 * Carries out one job in the calling thread, with synchronous I/O.
 *
 * @throws {BasynError} `device` for what the disk says, `protocol` for a payload that can't be decoded.
 */
export async function perform<J extends Job>(job: J): Promise<ResultOf<J>> {
  return (await dispatch(job)) as ResultOf<J>;
}

function dispatch(job: Job): JobResults[Job['kind']] | Promise<JobResults[Job['kind']]> {
  switch (job.kind) {
    case 'digest':
      return digest(job);
    case 'read':
      return read(job);
    case 'write':
      return write(job);
    case 'compare':
      return compare(job);
    case 'copy':
      return copy(job);
  }
}

async function digest({ device, hash, extents, stepBytes }: DigestJob): Promise<DigestResult> {
  const hasher = await hasherFor(hash);
  const digests = new Uint8Array(stepCountOf(extents, stepBytes) * hasher.digestBytes);
  const digestSteps = stepBytes > limits.pieceBytes ? digestLargeSteps : digestSmallSteps;
  let position = 0;
  for (const extent of extents) position = digestSteps(hasher, device, extent, stepBytes, digests, position);
  return { digests };
}

/** Puts the digest of every step into `digests`, from `position` on, and returns where they end. */
type DigestSteps = (
  hasher: Hasher,
  device: DeviceHandle,
  extent: Extent,
  stepBytes: number,
  digests: Uint8Array,
  position: number,
) => number;

/** Steps that don't fit into a piece are read piece by piece. */
const digestLargeSteps: DigestSteps = (hasher, device, extent, stepBytes, digests, position) => {
  let atBytes = position;
  for (const step of cut(extent, stepBytes)) {
    digests.set(hasher.digest(pieces(sourceReader(), device, step)), atBytes);
    atBytes += hasher.digestBytes;
  }
  return atBytes;
};

/**
 * As many steps as fit into a piece share a read. Plain loops: this is most of what a run does, and generators cost
 * 80 ms of compilation in each thread.
 */
const digestSmallSteps: DigestSteps = (hasher, device, extent, stepBytes, digests, position) => {
  const reader = sourceReader();
  const pieceBytes = limits.pieceBytes - (limits.pieceBytes % stepBytes);
  const endBytes = extent.offsetBytes + extent.lengthBytes;
  let atBytes = position;
  for (let pieceAtBytes = extent.offsetBytes; pieceAtBytes < endBytes; pieceAtBytes += pieceBytes) {
    const piece = reader.read(device, pieceAtBytes, Math.min(pieceBytes, endBytes - pieceAtBytes));
    for (let start = 0; start < piece.byteLength; start += stepBytes) {
      digests.set(digestOf(hasher, piece.subarray(start, start + stepBytes)), atBytes);
      atBytes += hasher.digestBytes;
    }
  }
  return atBytes;
};

/** Much of many disks is zero, and finding that out takes a tenth of hashing it. */
function digestOf(hasher: Hasher, bytes: Uint8Array): Uint8Array {
  if (!isZero(bytes)) return hasher.digestOne(bytes);
  let digest = zeroDigests.get(hasher)?.get(bytes.byteLength);
  if (digest === undefined) {
    digest = hasher.digestOne(bytes);
    const ofHasher = zeroDigests.get(hasher) ?? new Map<number, Uint8Array>();
    if (ofHasher.size < limits.zeroDigests) zeroDigests.set(hasher, ofHasher.set(bytes.byteLength, digest));
  }
  return digest;
}

function* pieces(reader: RangeReader, device: DeviceHandle, extent: Extent): Generator<Uint8Array> {
  for (const { offsetBytes, lengthBytes } of cut(extent, limits.pieceBytes)) {
    yield reader.read(device, offsetBytes, lengthBytes);
  }
}

async function read({ device, extents, setting, memory }: ReadJob): Promise<ReadResult> {
  let position = 0;
  for (const { offsetBytes, lengthBytes } of extents) {
    readFully(device, offsetBytes, memory.subarray(position, position + lengthBytes));
    position += lengthBytes;
  }
  const startMs = performance.now();
  const encoded = await encode(memory, setting);
  return { ...encoded, memory, encodeMs: performance.now() - startMs };
}

async function write({ device, extents, encoding, payload, zeros }: WriteJob): Promise<WriteResult> {
  const lengthBytes = totalBytes(extents);
  if (encoding === 'zero' && zeros === 'skip') return { payload };
  const bytes = await decode({ encoding, payload }, lengthBytes);
  let position = 0;
  for (const extent of extents) {
    writeFully(device, extent.offsetBytes, bytes.subarray(position, position + extent.lengthBytes));
    position += extent.lengthBytes;
  }
  return { payload };
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

function copyRange(source: DeviceHandle, target: DeviceHandle, range: Extent, zeros: CopyJob['zeros']): void {
  for (const { offsetBytes, lengthBytes } of cut(range, limits.pieceBytes)) {
    const bytes = sourceReader().read(source, offsetBytes, lengthBytes);
    if (zeros === 'skip' && isZero(bytes)) continue;
    writeFully(target, offsetBytes, bytes);
  }
}

function bufferView(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

// A thread's own scratch memory and hashers, made when first needed.
const hashers = new Map<HashName, Promise<Hasher>>();
const zeroDigests = new Map<Hasher, Map<number, Uint8Array>>();
let sourceMemory: RangeReader | undefined;
let targetMemory: RangeReader | undefined;

function sourceReader(): RangeReader {
  return (sourceMemory ??= new RangeReader(limits.pieceBytes));
}

function targetReader(): RangeReader {
  return (targetMemory ??= new RangeReader(limits.pieceBytes));
}

function hasherFor(name: HashName): Promise<Hasher> {
  let hasher = hashers.get(name);
  if (hasher === undefined) {
    hasher = loadHasher(name);
    hashers.set(name, hasher);
  }
  return hasher;
}
