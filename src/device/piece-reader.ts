import { read } from 'node:fs';
import { promisify } from 'node:util';
import { assert } from '../errors.ts';
import { bounds, tuning } from '../limits.ts';
import { zeroBytes } from '../zero.ts';
import { alignedMemory } from './aligned-memory.ts';
import { deviceError, nameOf, type DeviceHandle } from './handle.ts';
import { isInHole, stretchesOf } from './holes.ts';
import { failedAt, isInterrupted } from './io-failure.ts';
import { isMediumError, type UnreadableListener } from './medium-error.ts';
import { rateAllows } from './read-rate.ts';
import type { Range } from './range.ts';
import { assertInside, readFully, zeroBeyondEnd } from './range-io.ts';

const readAsync = promisify(read);

/** The best length of one read. Direct reads need to be longer, because the disk processes each of them as a whole. */
export function pieceBytesOf({ access }: DeviceHandle): number {
  return access === 'direct' ? tuning.directPieceBytes : tuning.pieceBytes;
}

/**
 * Reads the pieces of a device in order, into memory that is reused. The kernel reads ahead of buffered reads only. For
 * direct reads, this class reads ahead. Holes are not read.
 */
export class PieceReader {
  #buffered: Uint8Array | undefined;
  /** Aligned memory, for one piece each. */
  #slots: readonly Uint8Array[] | undefined;
  #handle: DeviceHandle | undefined;
  #pieces: readonly Range[] = [];
  #onUnreadable: UnreadableListener | undefined;
  #nextPiece = 0;
  /** Direct reads that are in progress or finished, oldest first. */
  readonly #ahead: Promise<Uint8Array>[] = [];
  #startedReads = 0;

  /**
   * Starts with a device. No read of an earlier device may be in progress.
   *
   * @param pieces the ranges to read, inside the device, each of at most `tuning.directPieceBytes`.
   * @param onUnreadable takes the ranges that can't be read, those of a piece before {@link next} returns it. Without it,
   *   the first of them is an error.
   */
  start(handle: DeviceHandle, pieces: readonly Range[], onUnreadable?: UnreadableListener): void {
    assert(this.#ahead.length === 0, 'a piece reader was started twice');
    this.#handle = handle;
    this.#pieces = pieces;
    this.#onUnreadable = onUnreadable;
    this.#nextPiece = 0;
    this.#startedReads = 0;
  }

  get hasNext(): boolean {
    return this.#nextPiece < this.#pieces.length;
  }

  /**
   * The bytes of the next piece, to be read only, valid until the next call.
   *
   * @throws {BasynError} `device`, with the offset of the failed read, on an I/O error and if the device has shrunk since
   *   it was opened.
   */
  next(): Uint8Array | Promise<Uint8Array> {
    const handle = this.#handle;
    assert(handle !== undefined && this.hasNext, 'there is no further piece');
    const piece = this.#pieces[this.#nextPiece++]!;
    return handle.access === 'direct' ? this.#nextDirect(handle) : this.#readBuffered(handle, piece);
  }

  /** Waits for the reads in progress. Their memory and descriptor can be reused afterwards. */
  async stop(): Promise<void> {
    await Promise.allSettled(this.#ahead.splice(0));
  }

  #readBuffered(handle: DeviceHandle, { offsetBytes, lengthBytes }: Range): Uint8Array {
    if (isInHole(handle.holes, offsetBytes, lengthBytes)) return zeroBytes(lengthBytes);
    if ((this.#buffered?.byteLength ?? 0) < lengthBytes) {
      this.#buffered = Buffer.allocUnsafeSlow(Math.max(lengthBytes, tuning.pieceBytes));
    }
    const into = this.#buffered!.subarray(0, lengthBytes);
    readFully(handle, offsetBytes, into, this.#onUnreadable);
    return into;
  }

  #nextDirect(handle: DeviceHandle): Promise<Uint8Array> {
    const slots = (this.#slots ??= makeSlots(handle));
    // One slot contains the piece that the caller processes after this call. The other slots can be filled.
    while (this.#startedReads < Math.min(this.#pieces.length, this.#nextPiece - 1 + slots.length)) {
      const piece = this.#pieces[this.#startedReads]!;
      const slot = slots[this.#startedReads % slots.length]!;
      const reading = readDirect(handle, piece, slot, this.#onUnreadable);
      // The read may fail long before its result is awaited.
      reading.catch(() => undefined);
      this.#ahead.push(reading);
      this.#startedReads++;
    }
    return this.#ahead.shift()!;
  }
}

function makeSlots(handle: DeviceHandle): Uint8Array[] {
  const slotBytes = tuning.directPieceBytes + 2 * bounds.maxAlignmentBytes;
  const memory = alignedMemory(tuning.directSlots * slotBytes);
  if (memory === undefined) {
    throw deviceError(
      handle,
      `cannot read ${nameOf(handle)}: there is no memory for direct reads.`,
      undefined,
    );
  }
  return Array.from({ length: tuning.directSlots }, (_, index) =>
    memory.subarray(index * slotBytes, (index + 1) * slotBytes),
  );
}

/**
 * A direct read starts and ends at multiples of the alignment, and has to be continued at such a multiple.
 *
 * The kernel reports an error for a direct read as a whole. After an error, reads of the smallest length find its offset,
 * or all offsets that can't be read.
 */
async function readDirect(
  handle: DeviceHandle,
  piece: Range,
  memory: Uint8Array,
  onUnreadable: UnreadableListener | undefined,
): Promise<Uint8Array> {
  const { offsetBytes, lengthBytes } = piece;
  assertInside(handle, offsetBytes, lengthBytes);
  assert(lengthBytes <= tuning.directPieceBytes, 'a piece that is longer than the memory for it');
  if (handle.holes === undefined) return readDirectData(handle, piece, memory, onUnreadable);
  const stretches = stretchesOf(handle.holes, offsetBytes, lengthBytes);
  if (stretches.every(({ isHole }) => isHole)) return zeroBytes(lengthBytes);
  // Holes start and end at multiples of the alignment, so each stretch can be read to its place.
  const startBytes = offsetBytes - (offsetBytes % handle.alignmentBytes);
  for (const stretch of stretches) {
    const start = stretch.offsetBytes - startBytes;
    const place = memory.subarray(start - (start % handle.alignmentBytes));
    if (stretch.isHole) memory.fill(0, start, start + stretch.lengthBytes);
    else await readDirectData(handle, stretch, place, onUnreadable);
  }
  return memory.subarray(offsetBytes - startBytes, offsetBytes - startBytes + lengthBytes);
}

async function readDirectData(
  handle: DeviceHandle,
  { offsetBytes, lengthBytes }: Range,
  memory: Uint8Array,
  onUnreadable: UnreadableListener | undefined,
): Promise<Uint8Array> {
  await rateAllows(handle, lengthBytes);
  const { alignmentBytes } = handle;
  const endBytes = offsetBytes + lengthBytes;
  const startBytes = offsetBytes - (offsetBytes % alignmentBytes);
  const alignedEndBytes = Math.ceil(endBytes / alignmentBytes) * alignmentBytes;
  let atBytes = startBytes;
  let stepBytes = alignedEndBytes - startBytes;
  let isRetrying = false;
  while (atBytes < endBytes) {
    const stepEndBytes = Math.min(atBytes + stepBytes, alignedEndBytes);
    const into = memory.subarray(atBytes - startBytes, stepEndBytes - startBytes);
    let countBytes: number;
    try {
      countBytes = await readOnce(handle, into, atBytes);
    } catch (error) {
      const isSmallest = into.byteLength === alignmentBytes;
      if (isSmallest && (onUnreadable === undefined || !isMediumError(error))) throw error;
      if (!isSmallest || !isRetrying) {
        isRetrying = true;
        stepBytes = alignmentBytes;
        continue;
      }
      into.fill(0);
      const fromBytes = Math.max(atBytes, offsetBytes);
      onUnreadable?.(fromBytes, Math.min(stepEndBytes, endBytes) - fromBytes);
      atBytes = stepEndBytes;
      continue;
    }
    if (atBytes + countBytes >= endBytes) break;
    const nextBytes = atBytes + countBytes - (countBytes % alignmentBytes);
    if (nextBytes === atBytes) {
      const foundEndBytes = atBytes + countBytes;
      zeroBeyondEnd(
        handle,
        foundEndBytes,
        memory.subarray(foundEndBytes - startBytes, endBytes - startBytes),
      );
      break;
    }
    atBytes = nextBytes;
  }
  return memory.subarray(offsetBytes - startBytes, endBytes - startBytes);
}

async function readOnce(handle: DeviceHandle, into: Uint8Array, atBytes: number): Promise<number> {
  for (;;) {
    try {
      const { bytesRead } = await readAsync(handle.fd, into, 0, into.byteLength, atBytes);
      return bytesRead;
    } catch (error) {
      if (!isInterrupted(error)) throw failedAt('read', handle, atBytes, error);
    }
  }
}
