import { isZero, zeroBytes } from '../zero.ts';
import type { Extent } from './extent.ts';
import { loadXxh128 } from './xxh128.ts';

/** An extent in a table: its offset in 8 bytes, its length in 4, big-endian. */
export const extentBytes = 12;

/** The extents as they stand on the wire. */
export function extentTable(extents: readonly Extent[]): Uint8Array {
  const bytes = Buffer.alloc(extents.length * extentBytes);
  extents.forEach(({ offsetBytes, lengthBytes }, index) => {
    bytes.writeBigUInt64BE(BigInt(offsetBytes), index * extentBytes);
    bytes.writeUInt32BE(lengthBytes, index * extentBytes + 8);
  });
  return bytes;
}

/** Length of the digest that goes with the data of a frame. */
export const frameDigestBytes = 16;

/**
 * The digest of a frame's extents and of the device bytes that belong there. It detects accidental corruption between the
 * thread that reads the bytes and the thread that writes them. It does not protect against intent.
 */
export interface FrameDigest {
  /** Adds the next bytes, best while they are in the processor's cache. */
  update(bytes: Uint8Array): void;
  /** Whether all bytes so far are zero. The digest of such a frame covers its extents alone. */
  readonly isZero: boolean;
  /** Ends the digest. */
  digest(): Uint8Array;
}

/** A digest is ended before the next one begins: there is one state. */
export type StartFrameDigest = (extents: readonly Extent[]) => FrameDigest;

/** XXH128. Each call has a state of its own. */
export async function loadFrameDigest(): Promise<StartFrameDigest> {
  const xxh128 = await loadXxh128();
  return (extents) => {
    const running = xxh128.begin();
    running.update(extentTable(extents));
    let leadingZeroBytes = 0;
    let isAllZero = true;
    return {
      get isZero() {
        return isAllZero;
      },
      // To find that bytes are zero takes a fraction of digesting them.
      update: (bytes) => {
        if (isAllZero && isZero(bytes)) {
          leadingZeroBytes += bytes.byteLength;
          return;
        }
        if (isAllZero) running.update(zeroBytes(leadingZeroBytes));
        isAllZero = false;
        running.update(bytes);
      },
      digest: () => running.digest(),
    };
  };
}
