import { readSync, writeSync } from 'node:fs';
import { assert, systemReason, type BasynError } from '../errors.ts';
import { deviceError, nameOf, type DeviceHandle } from './handle.ts';

/** As much of it as is used here: TypeScript has it among the types for browsers only. */
declare const WebAssembly: { Memory: new (pages: { initial: number }) => { buffer: ArrayBuffer } };

/** The largest `alignmentBytes` of a handle; also the page of a WebAssembly memory. */
export const maxAlignmentBytes = 64 * 1024;
const maxCapacityBytes = 1024 * 1024 * 1024;

/**
 * Reads ranges of a device into memory of its own, used again for every read. Synchronous: for worker threads.
 */
export class RangeReader {
  readonly capacityBytes: number;
  readonly #memory: Uint8Array;

  /** @param capacityBytes the longest range that will be read, up to 1 GiB. */
  constructor(capacityBytes: number) {
    assert(capacityBytes > 0 && capacityBytes <= maxCapacityBytes, `reader capacity ${capacityBytes}`);
    this.capacityBytes = capacityBytes;
    this.#memory = alignedMemory(capacityBytes + 2 * maxAlignmentBytes);
  }

  /**
   * Reads one range, which must lie inside the device. The result is valid until the next call.
   *
   * @throws BasynError `device`, with the offset of the failing read, on an I/O error and where the device has
   *   become shorter than it was when opened.
   */
  read(handle: DeviceHandle, offsetBytes: number, lengthBytes: number): Uint8Array {
    assertInside(handle, offsetBytes, lengthBytes);
    assert(lengthBytes <= this.capacityBytes, 'a read that is longer than the memory for it');
    const alignment = handle.alignmentBytes;
    assert(alignment <= maxAlignmentBytes, 'an alignment that the memory has no room for');
    const endBytes = offsetBytes + lengthBytes;
    const startBytes = offsetBytes - (offsetBytes % alignment);
    const alignedEndBytes = Math.ceil(endBytes / alignment) * alignment;

    let atBytes = startBytes;
    while (atBytes < endBytes) {
      const into = this.#memory.subarray(atBytes - startBytes, alignedEndBytes - startBytes);
      const countBytes = readOnce(handle, into, atBytes);
      if (atBytes + countBytes >= endBytes) break;
      // A direct read may go on from an aligned offset only.
      const nextBytes = atBytes + countBytes - (countBytes % alignment);
      if (nextBytes === atBytes) throw endedEarly(handle, atBytes + countBytes);
      atBytes = nextBytes;
    }
    return this.#memory.subarray(offsetBytes - startBytes, endBytes - startBytes);
  }
}

/**
 * Fills `into` from an offset, without a copy; for buffered access. The range must lie inside the device.
 * Synchronous: for worker threads.
 *
 * @throws BasynError `device`, as {@link RangeReader.read} does.
 */
export function readFully(handle: DeviceHandle, offsetBytes: number, into: Uint8Array): void {
  assertInside(handle, offsetBytes, into.byteLength);
  assert(handle.access === 'buffered', 'direct access needs memory that is aligned');
  let doneBytes = 0;
  while (doneBytes < into.byteLength) {
    const countBytes = readOnce(handle, into.subarray(doneBytes), offsetBytes + doneBytes);
    if (countBytes === 0) throw endedEarly(handle, offsetBytes + doneBytes);
    doneBytes += countBytes;
  }
}

/**
 * Writes all of `bytes` at an offset; the range must lie inside the device. Synchronous: for worker threads.
 *
 * @throws BasynError `device`, with the offset of the failing write.
 */
export function writeFully(handle: DeviceHandle, offsetBytes: number, bytes: Uint8Array): void {
  assertInside(handle, offsetBytes, bytes.byteLength);
  let doneBytes = 0;
  while (doneBytes < bytes.byteLength) {
    doneBytes += writeOnce(handle, bytes.subarray(doneBytes), offsetBytes + doneBytes);
  }
}

/**
 * Zeroed memory that begins at a page of the machine, as direct I/O demands. Node has no other way to get some
 * than a WebAssembly memory.
 */
export function alignedMemory(sizeBytes: number): Uint8Array {
  const memory = new WebAssembly.Memory({ initial: Math.ceil(sizeBytes / maxAlignmentBytes) });
  return new Uint8Array(memory.buffer);
}

function readOnce(handle: DeviceHandle, into: Uint8Array, atBytes: number): number {
  for (;;) {
    try {
      return readSync(handle.fd, into, 0, into.byteLength, atBytes);
    } catch (error) {
      if (isInterrupted(error)) continue;
      throw failedAt('read', handle, atBytes, error);
    }
  }
}

function writeOnce(handle: DeviceHandle, bytes: Uint8Array, atBytes: number): number {
  for (;;) {
    try {
      const countBytes = writeSync(handle.fd, bytes, 0, bytes.byteLength, atBytes);
      if (countBytes > 0) return countBytes;
    } catch (error) {
      if (isInterrupted(error)) continue;
      throw failedAt('write', handle, atBytes, error);
    }
    const message = `cannot write ${nameOf(handle)} at byte ${atBytes}: it takes no more data.`;
    throw deviceError(handle, message, undefined, atBytes);
  }
}

/** Network and FUSE file systems may let a signal cut a call short; libuv repeats most calls, but not reads. */
function isInterrupted(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EINTR';
}

function failedAt(verb: 'read' | 'write', handle: DeviceHandle, atBytes: number, error: unknown): BasynError {
  const reason = systemReason(error as NodeJS.ErrnoException);
  return deviceError(
    handle,
    `cannot ${verb} ${nameOf(handle)} at byte ${atBytes}: ${reason}.`,
    error,
    atBytes,
  );
}

function endedEarly(handle: DeviceHandle, atBytes: number): BasynError {
  const sizes = `it had ${handle.sizeBytes} bytes when it was opened`;
  const message = `${nameOf(handle)} ends at byte ${atBytes}, but ${sizes}: it has become shorter.`;
  return deviceError(handle, message, undefined, atBytes);
}

function assertInside(handle: DeviceHandle, offsetBytes: number, lengthBytes: number): void {
  const inside =
    Number.isSafeInteger(offsetBytes) &&
    Number.isSafeInteger(lengthBytes) &&
    offsetBytes >= 0 &&
    lengthBytes >= 0 &&
    offsetBytes + lengthBytes <= handle.sizeBytes;
  if (inside) return;
  // Told only now: this stands before every read and write, and a number takes longer to print than to check.
  assert(
    false,
    `range ${offsetBytes}+${lengthBytes} is not inside the ${handle.sizeBytes} bytes of ${handle.path}`,
  );
}
