import { createHash } from 'node:crypto';
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { makeRandom, type Random } from './random.ts';

/** Shares of an image. The rest, up to 1, is zeros. */
export interface ImageMix {
  readonly incompressible: number;
  readonly text: number;
}

export interface ImageOptions {
  readonly seed: number;
  readonly mix?: ImageMix;
}

export interface ByteExtent {
  readonly offset: number;
  readonly length: number;
}

export interface ChangeOptions {
  /** Share of the blocks that change: exactly this many, rounded. */
  readonly fraction: number;
  readonly blockBytes: number;
  readonly seed: number;
  /** The length of the file or device to use; required for a device. */
  readonly sizeBytes?: number;
}

const MIB = 1024 * 1024;
const IO_BYTES = MIB;
const STRETCH_BYTES_MIN = 4096;
const STRETCH_BYTES_MAX = 8 * MIB;
/** An image has at least about this number of stretches, so that a small one is also a mixture. */
const STRETCHES_MIN = 24;

/**
 * Writes an image with a file system's mix of data, in stretches of up to some MiB: by default half
 * incompressible, a third text-like, the rest zeros. The same seed gives the same bytes. In a file the
 * zeros are holes; in a device they are written.
 */
export function writeImage(
  path: string,
  sizeBytes: number,
  { seed, mix = { incompressible: 1 / 2, text: 1 / 3 } }: ImageOptions,
): void {
  const device = statSync(path, { throwIfNoEntry: false })?.isBlockDevice() === true;
  const fd = openSync(path, device ? 'r+' : 'w');
  try {
    if (!device) ftruncateSync(fd, sizeBytes);
    const random = makeRandom(seed);
    const block = Buffer.alloc(IO_BYTES);
    for (const { kind, offset, length } of planStretches(sizeBytes, mix, random)) {
      if (kind === 'zeros' && !device) continue;
      for (let done = 0; done < length; done += IO_BYTES) {
        const piece = block.subarray(0, Math.min(IO_BYTES, length - done));
        fill(piece, kind, random);
        writeSync(fd, piece, 0, piece.length, offset + done);
      }
    }
  } finally {
    closeSync(fd);
  }
}

/** Rewrites some of the blocks, chosen at random, with random bytes; returns where, in order and joined. */
export function changeBlocks(
  path: string,
  { fraction, blockBytes, seed, sizeBytes }: ChangeOptions,
): ByteExtent[] {
  const random = makeRandom(seed);
  const extents: ByteExtent[] = [];
  const before = Buffer.alloc(blockBytes);
  const after = Buffer.alloc(blockBytes);
  const fd = openSync(path, 'r+');
  try {
    const totalBytes = sizeBytes ?? fstatSync(fd).size;
    for (const offset of chooseBlocks(totalBytes, fraction, blockBytes, random)) {
      const length = Math.min(blockBytes, totalBytes - offset);
      readSync(fd, before, 0, length, offset);
      random.fill(after.subarray(0, length));
      // A block of very few bytes could be replaced by equal bytes by chance.
      if (before.compare(after, 0, length, 0, length) === 0) after[0]! ^= 1;
      writeSync(fd, after, 0, length, offset);
      appendJoined(extents, { offset, length });
    }
  } finally {
    closeSync(fd);
  }
  return extents;
}

/** Whether both files or devices hold the same first bytes; false if one of them is shorter. */
export function filesEqual(pathA: string, pathB: string, lengthBytes: number): boolean {
  const fdA = openSync(pathA, 'r');
  const fdB = openSync(pathB, 'r');
  try {
    const a = Buffer.alloc(IO_BYTES);
    const b = Buffer.alloc(IO_BYTES);
    for (let offset = 0; offset < lengthBytes; offset += IO_BYTES) {
      const wanted = Math.min(IO_BYTES, lengthBytes - offset);
      if (readSync(fdA, a, 0, wanted, offset) !== wanted) return false;
      if (readSync(fdB, b, 0, wanted, offset) !== wanted) return false;
      if (a.compare(b, 0, wanted, 0, wanted) !== 0) return false;
    }
    return true;
  } finally {
    closeSync(fdA);
    closeSync(fdB);
  }
}

/** The SHA-256, in hex, of a file or device, or of its first bytes. */
export function sha256OfFile(path: string, lengthBytes = Infinity): string {
  const hash = createHash('sha256');
  const block = Buffer.alloc(IO_BYTES);
  const fd = openSync(path, 'r');
  try {
    for (let offset = 0; offset < lengthBytes;) {
      const bytesRead = readSync(fd, block, 0, Math.min(IO_BYTES, lengthBytes - offset), offset);
      if (bytesRead === 0) break;
      hash.update(block.subarray(0, bytesRead));
      offset += bytesRead;
    }
    return hash.digest('hex');
  } finally {
    closeSync(fd);
  }
}

type StretchKind = 'incompressible' | 'text' | 'zeros';

interface Stretch extends ByteExtent {
  readonly kind: StretchKind;
}

/** Cuts the image into stretches of random length and kind, with each kind's share met to the byte. */
function* planStretches(sizeBytes: number, mix: ImageMix, random: Random): Generator<Stretch> {
  const incompressible = Math.floor(sizeBytes * mix.incompressible);
  const text = Math.min(sizeBytes - incompressible, Math.floor(sizeBytes * mix.text));
  const leftBytes = { incompressible, text, zeros: sizeBytes - incompressible - text };
  const longest = Math.min(STRETCH_BYTES_MAX, Math.max(STRETCH_BYTES_MIN, sizeBytes / STRETCHES_MIN));
  for (let offset = 0; offset < sizeBytes;) {
    const kind = chooseKind(leftBytes, random.below(sizeBytes - offset));
    // Whole blocks, as a file system allocates them.
    const drawn = STRETCH_BYTES_MIN * Math.ceil((random.below(longest) + 1) / STRETCH_BYTES_MIN);
    const length = Math.min(drawn, leftBytes[kind]);
    yield { kind, offset, length };
    leftBytes[kind] -= length;
    offset += length;
  }
}

/** The kind of a byte drawn from all remaining bytes, so that no kind is used up early. */
function chooseKind(leftBytes: Readonly<Record<StretchKind, number>>, drawn: number): StretchKind {
  if (drawn < leftBytes.incompressible) return 'incompressible';
  return drawn < leftBytes.incompressible + leftBytes.text ? 'text' : 'zeros';
}

function fill(piece: Buffer, kind: StretchKind, random: Random): void {
  if (kind === 'incompressible') random.fill(piece);
  else if (kind === 'text') random.fillWithText(piece);
  else piece.fill(0);
}

/** Offsets of exactly the given share of the blocks, in order, every choice as likely as any other. */
function* chooseBlocks(
  totalBytes: number,
  fraction: number,
  blockBytes: number,
  random: Random,
): Generator<number> {
  let blocksLeft = Math.ceil(totalBytes / blockBytes);
  let wanted = Math.round(blocksLeft * fraction);
  for (let offset = 0; wanted > 0; offset += blockBytes) {
    if (random.below(blocksLeft) < wanted) {
      wanted -= 1;
      yield offset;
    }
    blocksLeft -= 1;
  }
}

function appendJoined(extents: ByteExtent[], { offset, length }: ByteExtent): void {
  const last = extents.at(-1);
  if (last !== undefined && last.offset + last.length === offset) {
    extents[extents.length - 1] = { offset: last.offset, length: last.length + length };
  } else {
    extents.push({ offset, length });
  }
}
