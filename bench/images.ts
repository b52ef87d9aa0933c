import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync, statfsSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { changeBlocks, filesEqual, writeImage, type ByteExtent } from '../rig/images/images.ts';
import { makeTemporaryDirectory } from '../rig/temporary.ts';

export type ImageName = 'tiny' | 'small' | 'medium' | 'large' | 'sparse';

/** `changed`: 1 % of the target's 4 KiB blocks differ from the source's, at random. `different`: all of them differ. */
export type TargetState = 'identical' | 'changed' | 'different';

export interface ImageFiles {
  readonly source: string;
  readonly target: string;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const MEMORY_FILE_SYSTEM = '/dev/shm';
const SEED = 1;
const COPY_BYTES = MIB;
const CHANGED_FRACTION = { changed: 0.01, different: 1 };
const CHANGED_BLOCK_BYTES = 4 * KIB;

export const imageBytes: Readonly<Record<'full' | 'quick', Readonly<Record<ImageName, number>>>> = {
  full: { tiny: 4 * KIB, small: MIB, medium: GIB, large: 4 * GIB, sparse: 64 * GIB },
  quick: { tiny: 4 * KIB, small: MIB, medium: 128 * MIB, large: 512 * MIB, sparse: 4 * GIB },
};

/** A source and a target of the same size, in memory. */
export class ImagePair {
  readonly sizeBytes: number;
  readonly files: ImageFiles;
  readonly remove: () => void;
  #state: TargetState = 'identical';
  #differing: readonly ByteExtent[] = [];

  constructor(name: ImageName, sizeBytes: number) {
    const isSparse = name === 'sparse';
    if (!isSparse) requireMemory(2 * sizeBytes);
    const directory = makeTemporaryDirectory('bench', MEMORY_FILE_SYSTEM);
    this.remove = () => directory.remove();
    this.sizeBytes = sizeBytes;
    this.files = { source: join(directory.path, 'source'), target: join(directory.path, 'target') };
    if (isSparse) makeHoles(this.files, sizeBytes);
    else makeAllocated(this.files, sizeBytes);
  }

  /** The number of bytes that differ now. */
  get differingBytes(): number {
    return this.#differing.reduce((sum, { length }) => sum + length, 0);
  }

  /** Puts the target into this state. The same blocks change each time, to the same bytes. */
  bring(state: TargetState): void {
    if (state === this.#state) return;
    copyExtents(this.files, this.#differing);
    this.#differing = [];
    this.#state = state;
    if (state === 'identical') return;
    const change = { fraction: CHANGED_FRACTION[state], blockBytes: CHANGED_BLOCK_BYTES, seed: SEED + 1 };
    this.#differing = changeBlocks(this.files.target, change);
  }

  /** Records that the target has been made equal. Throws if it is not equal. */
  requireEqual(command: string): void {
    if (!filesEqual(this.files.source, this.files.target, this.sizeBytes)) {
      throw new Error(`source and target differ after: ${command}`);
    }
    this.#differing = [];
    this.#state = 'identical';
  }
}

function requireMemory(neededBytes: number): void {
  const { bavail, bsize } = statfsSync(MEMORY_FILE_SYSTEM);
  if (bavail * bsize < neededBytes) {
    throw new Error(`${MEMORY_FILE_SYSTEM} has no room for ${neededBytes} bytes: use --quick`);
  }
}

function makeHoles({ source, target }: ImageFiles, sizeBytes: number): void {
  for (const path of [source, target]) {
    writeFileSync(path, '');
    truncateSync(path, sizeBytes);
  }
}

/** Writes zeros as well, as on a block device. */
function makeAllocated({ source, target }: ImageFiles, sizeBytes: number): void {
  writeImage(source, sizeBytes, { seed: SEED });
  execFileSync('fallocate', ['--length', `${sizeBytes}`, source]);
  execFileSync('cp', ['--sparse=never', source, target]);
}

function copyExtents({ source, target }: ImageFiles, extents: readonly ByteExtent[]): void {
  const from = openSync(source, 'r');
  const to = openSync(target, 'r+');
  try {
    const bytes = Buffer.alloc(COPY_BYTES);
    for (const { offset, length } of extents) {
      for (let done = 0; done < length; done += COPY_BYTES) {
        const pieceBytes = Math.min(COPY_BYTES, length - done);
        readSync(from, bytes, 0, pieceBytes, offset + done);
        writeSync(to, bytes, 0, pieceBytes, offset + done);
      }
    }
  } finally {
    closeSync(from);
    closeSync(to);
  }
}
