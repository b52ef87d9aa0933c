import { monotonicMs } from '../clock.ts';
import { encode, encodedZeros, loadDecoder } from '../codec/codec.ts';
import { isZero, zeroBytes } from '../zero.ts';
import { nameOf, type DeviceHandle } from '../device/handle.ts';
import { pieceBytesOf, PieceReader } from '../device/piece-reader.ts';
import { readFully } from '../device/range-io.ts';
import { TargetWriter } from '../device/zeros.ts';
import { cutAll, totalBytes, type Extent } from '../digest/extent.ts';
import { loadFrameDigest, type FrameDigest, type StartFrameDigest } from '../digest/frame-digest.ts';
import { stepCountOf } from '../digest/geometry.ts';
import { loadHasher, type Hasher } from '../digest/hash.ts';
import type { HashName } from '../digest/hash-names.ts';
import { BasynError } from '../errors.ts';
import { tuning } from '../limits.ts';
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
import { performOnSameHost } from './same-host.ts';

/**
 * Carries out one job in the calling thread. One job at a time: they share its memory.
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
    case 'zero':
      return performOnSameHost(job);
  }
}

async function digest({ device, hash, extents, stepBytes }: DigestJob): Promise<DigestResult> {
  const hasher = await hasherFor(hash);
  const digests = new Uint8Array(stepCountOf(extents, stepBytes) * hasher.digestBytes);
  const digestSteps = stepBytes > pieceBytesOf(device) ? digestLargeSteps : digestSmallSteps;
  try {
    await digestSteps(hasher, device, extents, stepBytes, digests);
  } finally {
    await reader.stop();
  }
  return { digests };
}

/** Puts the digest of every step into `digests`, back to back. */
type DigestSteps = (
  hasher: Hasher,
  device: DeviceHandle,
  extents: readonly Extent[],
  stepBytes: number,
  digests: Uint8Array,
) => Promise<void>;

/** Steps that don't fit into a piece are read piece by piece. */
const digestLargeSteps: DigestSteps = async (hasher, device, extents, stepBytes, digests) => {
  const pieceBytes = pieceBytesOf(device);
  const steps = cutAll(extents, stepBytes);
  reader.start(device, cutAll(steps, pieceBytes));
  let position = 0;
  for (const { lengthBytes } of steps) {
    const running = hasher.begin();
    for (let atBytes = 0; atBytes < lengthBytes; atBytes += pieceBytes) running.update(await reader.next());
    digests.set(running.digest(), position);
    position += hasher.digestBytes;
  }
};

/**
 * As many steps as fit into a piece share a read. Plain loops: this is most of what a run does, and generators cost
 * 80 ms of compilation in each thread.
 */
const digestSmallSteps: DigestSteps = async (hasher, device, extents, stepBytes, digests) => {
  const mostBytes = pieceBytesOf(device);
  reader.start(device, cutAll(extents, mostBytes - (mostBytes % stepBytes)));
  let position = 0;
  while (reader.hasNext) {
    position = digestPiece(hasher, await reader.next(), stepBytes, digests, position);
  }
};

function digestPiece(
  hasher: Hasher,
  piece: Uint8Array,
  stepBytes: number,
  digests: Uint8Array,
  position: number,
): number {
  let atBytes = position;
  for (let start = 0; start < piece.byteLength; start += stepBytes) {
    digests.set(digestOf(hasher, piece.subarray(start, start + stepBytes)), atBytes);
    atBytes += hasher.digestBytes;
  }
  return atBytes;
}

/** Much of many disks is zero, and finding that out takes a tenth of hashing it. */
function digestOf(hasher: Hasher, bytes: Uint8Array): Uint8Array {
  if (!isZero(bytes)) return hasher.digestOne(bytes);
  let digest = zeroDigests.get(hasher)?.get(bytes.byteLength);
  if (digest === undefined) {
    digest = hasher.digestOne(bytes);
    const ofHasher = zeroDigests.get(hasher) ?? new Map<number, Uint8Array>();
    if (ofHasher.size < tuning.zeroDigests) zeroDigests.set(hasher, ofHasher.set(bytes.byteLength, digest));
  }
  return digest;
}

async function read({ device, extents, setting, memory }: ReadJob): Promise<ReadResult> {
  const frame = (await frameDigests())(extents);
  readDigested(device, extents, memory, frame);
  const digest = frame.digest();
  const startMs = monotonicMs();
  const encoded = frame.isZero ? encodedZeros : await encode(memory, setting);
  return { ...encoded, digest, memory, encodeMs: monotonicMs() - startMs };
}

/**
 * Digests the bytes piece by piece as they are read: they are in the processor's cache then, and whatever alters them
 * later is detected.
 */
function readDigested(
  device: DeviceHandle,
  extents: readonly Extent[],
  memory: Uint8Array,
  frame: FrameDigest,
): void {
  let [position, digestedBytes] = [0, 0];
  for (const { offsetBytes, lengthBytes } of cutAll(extents, tuning.digestedPieceBytes)) {
    readFully(device, offsetBytes, memory.subarray(position, position + lengthBytes));
    position += lengthBytes;
    if (position - digestedBytes < tuning.digestedPieceBytes) continue;
    frame.update(memory.subarray(digestedBytes, position));
    digestedBytes = position;
  }
  if (digestedBytes < position) frame.update(memory.subarray(digestedBytes, position));
}

async function write(job: WriteJob): Promise<WriteResult> {
  const { device, extents, encoding, digest, payload, zeros } = job;
  const startFrameDigest = await frameDigests();
  const decode = await loadDecoder(encoding);
  // A frame of zeros may be much longer than any memory for it.
  const bytes = encoding === 'zero' ? zeroBytes(0) : decode(payload, totalBytes(extents));
  const frame = startFrameDigest(extents);
  frame.update(bytes);
  if (Buffer.compare(digest, frame.digest()) !== 0) throw corrupted(job);
  const writer = new TargetWriter(device, zeros);
  let position = 0;
  for (const { offsetBytes, lengthBytes } of extents) {
    if (encoding === 'zero') writer.zeros(offsetBytes, lengthBytes);
    else writer.bytes(offsetBytes, bytes.subarray(position, position + lengthBytes));
    position += lengthBytes;
  }
  return { payload, ...writer.outcome() };
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

// A thread's own reader and hashers, made when first needed.
let frameDigest: Promise<StartFrameDigest> | undefined;
const hashers = new Map<HashName, Promise<Hasher>>();
const zeroDigests = new Map<Hasher, Map<number, Uint8Array>>();
const reader = new PieceReader();

function frameDigests(): Promise<StartFrameDigest> {
  return (frameDigest ??= loadFrameDigest());
}

function hasherFor(name: HashName): Promise<Hasher> {
  let hasher = hashers.get(name);
  if (hasher === undefined) {
    hasher = loadHasher(name);
    hashers.set(name, hasher);
  }
  return hasher;
}
