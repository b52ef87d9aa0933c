import { monotonicMs } from '../clock.ts';
import { encode, encodedZeros, loadDecoder } from '../codec/codec.ts';
import { isZero, zeroBytes } from '../zero.ts';
import { nameOf, type DeviceHandle } from '../device/handle.ts';
import type { UnreadableListener } from '../device/medium-error.ts';
import { pieceBytesOf, PieceReader } from '../device/piece-reader.ts';
import { readFully } from '../device/range-io.ts';
import { TargetWriter } from '../device/zeros.ts';
import { cutAll, totalBytes, within, without, type Extent } from '../digest/extent.ts';
import { loadFrameDigest, type StartFrameDigest } from '../digest/frame-digest.ts';
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
import { UnreadableInJob } from './unreadable.ts';

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

async function digest(job: DigestJob): Promise<DigestResult> {
  const { device, hash, stepBytes, extents } = job;
  const unreadable = new UnreadableInJob(job, device);
  const hasher = await hasherFor(hash);
  const digests = new DigestList(hasher, stepCountOf(extents, stepBytes));
  const digestSteps = stepBytes > pieceBytesOf(device) ? digestLargeSteps : digestSmallSteps;
  try {
    await digestSteps(job, digests, unreadable.listener);
  } finally {
    await reader.stop();
  }
  return { digests: digests.bytes, ...unreadable.result() };
}

/** The digests of the steps of a job, in their order. */
class DigestList {
  readonly hasher: Hasher;
  /** All digests, back to back. */
  readonly bytes: Uint8Array;
  #atBytes = 0;

  constructor(hasher: Hasher, count: number) {
    this.hasher = hasher;
    this.bytes = new Uint8Array(count * hasher.digestBytes);
  }

  add(digest: Uint8Array): void {
    this.bytes.set(digest, this.#atBytes);
    this.#atBytes += this.hasher.digestBytes;
  }
}

/** Adds the digest of every step to `digests`. */
type DigestSteps = (
  job: DigestJob,
  digests: DigestList,
  onUnreadable: UnreadableListener | undefined,
) => Promise<void>;

/** Steps that don't fit into a piece are read piece by piece. */
const digestLargeSteps: DigestSteps = async ({ device, extents, stepBytes }, digests, onUnreadable) => {
  const pieceBytes = pieceBytesOf(device);
  const steps = cutAll(extents, stepBytes);
  reader.start(device, cutAll(steps, pieceBytes), onUnreadable);
  for (const { lengthBytes } of steps) {
    const running = digests.hasher.begin();
    for (let atBytes = 0; atBytes < lengthBytes; atBytes += pieceBytes) running.update(await reader.next());
    digests.add(running.digest());
  }
};

/**
 * As many steps as fit into a piece share a read. Plain loops: this is most of what a run does, and generators cost
 * 80 ms of compilation in each thread.
 */
const digestSmallSteps: DigestSteps = async ({ device, extents, stepBytes }, digests, onUnreadable) => {
  const mostBytes = pieceBytesOf(device);
  reader.start(device, cutAll(extents, mostBytes - (mostBytes % stepBytes)), onUnreadable);
  while (reader.hasNext) digestPiece(await reader.next(), stepBytes, digests);
};

function digestPiece(piece: Uint8Array, stepBytes: number, digests: DigestList): void {
  for (let start = 0; start < piece.byteLength; start += stepBytes) {
    digests.add(digestOf(digests.hasher, piece.subarray(start, start + stepBytes)));
  }
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

async function read(job: ReadJob): Promise<ReadResult> {
  const { device, extents, setting, memory } = job;
  const unreadable = new UnreadableInJob(job, device);
  const startFrameDigest = await frameDigests();
  await readAll(device, extents, memory, unreadable.listener);
  const readable = without(extents, unreadable.ranges);
  const bytes = unreadable.ranges.length > 0 ? compacted(memory, extents, readable) : memory;
  // The bytes are in the processor's cache, and whatever alters them from now on is detected.
  const frame = startFrameDigest(readable);
  frame.update(bytes);
  const digest = frame.digest();
  const startMs = monotonicMs();
  const encoded = frame.isZero ? encodedZeros : await encode(bytes, setting);
  return { ...encoded, digest, memory, encodeMs: monotonicMs() - startMs, ...unreadable.result() };
}

/** Fills the memory with the ranges, back to back. */
async function readAll(
  device: DeviceHandle,
  extents: readonly Extent[],
  memory: Uint8Array,
  onUnreadable: UnreadableListener | undefined,
): Promise<void> {
  let position = 0;
  if (device.access === 'buffered') {
    for (const { offsetBytes, lengthBytes } of extents) {
      readFully(device, offsetBytes, memory.subarray(position, position + lengthBytes), onUnreadable);
      position += lengthBytes;
    }
    return;
  }
  try {
    reader.start(device, cutAll(extents, pieceBytesOf(device)), onUnreadable);
    while (reader.hasNext) {
      const piece = await reader.next();
      memory.set(piece, position);
      position += piece.byteLength;
    }
  } finally {
    await reader.stop();
  }
}

/** Moves the bytes of `kept`, which are parts of `extents` in their order, to the start of the memory of all `extents`. */
function compacted(memory: Uint8Array, extents: readonly Extent[], kept: readonly Extent[]): Uint8Array {
  let [position, keptBytes] = [0, 0];
  for (const extent of extents) {
    for (const { offsetBytes, lengthBytes } of within(kept, extent)) {
      const start = position + offsetBytes - extent.offsetBytes;
      memory.copyWithin(keptBytes, start, start + lengthBytes);
      keptBytes += lengthBytes;
    }
    position += extent.lengthBytes;
  }
  return memory.subarray(0, keptBytes);
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
