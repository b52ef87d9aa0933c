import type { Extent } from '../../digest/extent.ts';
import { blockBytesOf, bufferExtentOf, stepCountOf } from '../../digest/geometry.ts';
import type { Phase } from '../phase.ts';

interface OpenCheck {
  /** The digest of the buffer that the comparison began with. */
  readonly digest: Uint8Array;
  readonly blocks: Uint8Array;
  missingBytes: number;
}

/**
 * Checks digests of buffers that come from a state file. Where a buffer differs, the target has digested its blocks, and the
 * digest of the buffer follows from those.
 */
export class RecordCheck {
  readonly #phase: Phase;
  readonly #open = new Map<number, OpenCheck>();
  #mistakes = 0;

  constructor(phase: Phase) {
    this.#phase = phase;
  }

  /** The number of buffers whose digest was not that of the target. */
  get mistakes(): number {
    return this.#mistakes;
  }

  /** A buffer differs from this digest. {@link answered} follows for all of its blocks. */
  expect(index: number, digest: Uint8Array): void {
    const { geometry, hasher } = this.#phase;
    const { lengthBytes } = bufferExtentOf(geometry, index);
    const blockCount = Math.ceil(lengthBytes / blockBytesOf(geometry));
    const blocks = new Uint8Array(blockCount * hasher.digestBytes);
    this.#open.set(index, { digest, blocks, missingBytes: blocks.byteLength });
  }

  /** @param digests of the blocks of the extents, as the target has them now. Each extent is within a buffer. */
  answered(extents: readonly Extent[], digests: Uint8Array): void {
    const { geometry, hasher } = this.#phase;
    const blockBytes = blockBytesOf(geometry);
    let position = 0;
    for (const extent of extents) {
      const index = Math.floor(extent.offsetBytes / geometry.bufferBytes);
      const end = position + stepCountOf([extent], blockBytes) * hasher.digestBytes;
      const block = (extent.offsetBytes - index * geometry.bufferBytes) / blockBytes;
      this.#take(index, block * hasher.digestBytes, digests.subarray(position, end));
      position = end;
    }
  }

  #take(index: number, atBytes: number, digests: Uint8Array): void {
    const check = this.#open.get(index);
    if (check === undefined) return;
    check.blocks.set(digests, atBytes);
    check.missingBytes -= digests.byteLength;
    if (check.missingBytes > 0) return;
    this.#open.delete(index);
    const { hasher } = this.#phase;
    const isOneBlock = check.blocks.byteLength === hasher.digestBytes;
    const digest = isOneBlock ? check.blocks : hasher.digestOne(check.blocks);
    if (Buffer.compare(digest, check.digest) !== 0) this.#mistakes++;
  }
}
