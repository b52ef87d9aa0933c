import { monotonicMs } from '../clock.ts';
import { encode, loadDecoder } from '../codec/codec.ts';
import { isZero } from '../codec/zero.ts';
import { RangeReader, readFully, writeFully } from '../device/range-io.ts';
import { nameOf, type DeviceHandle } from '../device/handle.ts';
import { cut, totalBytes, type Extent } from '../digest/extent.ts';
import { loadFrameDigest, type FrameDigest } from '../digest/frame-digest.ts';
import { stepCountOf } from '../digest/geometry.ts';
import { loadHasher, type Hasher } from '../digest/hash.ts';
import type { HashName } from '../digest/hash-names.ts';
import { BasynError } from '../errors.ts';
import { limits } from '../limits.ts';
import type {
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
import { performOnPair } from './pair.ts';

/**
 * Carries out one job in the calling thread, with synchronous I/O.
 *
 * @throws {BasynError} `device` for what the disk says, `protocol` for a payload that can't be decoded, or whose digest is
 *   another.
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
    case 'copy':
      return performOnPair(job);
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
    digests.set(hasher.digest(pieces(pieceReader(), device, step)), atBytes);
    atBytes += hasher.digestBytes;
  }
  return atBytes;
};

/**
 * As many steps as fit into a piece share a read. Plain loops: this is most of what a run does, and generators cost
 * 80 ms of compilation in each thread.
 */
const digestSmallSteps: DigestSteps = (hasher, device, extent, stepBytes, digests, position) => {
  const reader = pieceReader();
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
  const startMs = monotonicMs();
  const encoded = await encode(memory, setting);
  const encodeMs = monotonicMs() - startMs;
  const digestOf = await frameDigest();
  const digest = digestOf(extents, encoded.encoding === 'zero' ? 'zeros' : memory);
  return { ...encoded, digest, memory, encodeMs };
}

async function write(job: WriteJob): Promise<WriteResult> {
  const { device, extents, encoding, digest, payload, zeros } = job;
  const digestOf = await frameDigest();
  const decode = await loadDecoder(encoding);
  const bytes = decode(payload, totalBytes(extents));
  const expected = digestOf(extents, encoding === 'zero' ? 'zeros' : bytes);
  if (Buffer.compare(digest, expected) !== 0) throw corrupted(job);
  if (encoding === 'zero' && zeros === 'skip') return { payload };
  let position = 0;
  for (const extent of extents) {
    writeFully(device, extent.offsetBytes, bytes.subarray(position, position + extent.lengthBytes));
    position += extent.lengthBytes;
  }
  return { payload };
}

function corrupted({ device, extents }: WriteJob): BasynError {
  const { side, path } = device;
  const startBytes = Math.min(...extents.map(({ offsetBytes }) => offsetBytes));
  const endBytes = Math.max(...extents.map(({ offsetBytes, lengthBytes }) => offsetBytes + lengthBytes));
  return new BasynError(
    'protocol',
    `Data for offsets ${startBytes} to ${endBytes} of ${nameOf(device)} arrived corrupted and was discarded.`,
    { side, device: path, offsetBytes: startBytes },
  );
}

// A thread's own scratch memory and hashers, made when first needed.
let frameDigester: Promise<FrameDigest> | undefined;
const hashers = new Map<HashName, Promise<Hasher>>();
const zeroDigests = new Map<Hasher, Map<number, Uint8Array>>();
let scratch: RangeReader | undefined;

function pieceReader(): RangeReader {
  return (scratch ??= new RangeReader(limits.pieceBytes));
}

function frameDigest(): Promise<FrameDigest> {
  return (frameDigester ??= loadFrameDigest());
}

function hasherFor(name: HashName): Promise<Hasher> {
  let hasher = hashers.get(name);
  if (hasher === undefined) {
    hasher = loadHasher(name);
    hashers.set(name, hasher);
  }
  return hasher;
}
