import type { Extent } from '../../digest/extent.ts';

/** Where the comparison gets the target's digests from. */
export interface DigestSource {
  /** The digest of a whole buffer that is not delivered, because it is known already. */
  known(index: number): Uint8Array | undefined;
  /** The digest of each step of the extents, in order, back to back. */
  ask(extents: readonly Extent[], stepBytes: number): Promise<Uint8Array>;
  /**
   * All examined buffers whose index is lower than `doneBuffers` are settled: further ones may be delivered.
   *
   * @param differingBytes found in these buffers.
   */
  advance(doneBuffers: number, differingBytes: number): void;
}

/** Takes the target's digest of a whole buffer. Each examined buffer is delivered once, in any order. */
export type DigestListener = (index: number, digest: Uint8Array) => void;
