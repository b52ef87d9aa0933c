import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  openSync,
  readSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { changeBlocks, filesEqual, writeImage, type ByteExtent } from '../rig/images/images.ts';
import { makeRandom } from '../rig/images/random.ts';
import { makeTemporaryDirectory } from '../rig/temporary.ts';
import { areFleetsEqual, makeFleet } from './fleet-images.ts';

export type ImageName =
  'tiny' | 'small' | 'medium' | 'large' | 'sparse' | 'thin' | 'huge' | 'disk' | 'giant' | 'fleet';

/**
 * `changed`: 1 % of the target's 4 KiB blocks differ from the source's, at random. `few`: 0.1 % of its 64 KiB
 * blocks, which is the unit of thin volumes and QEMU, or in the huge image all of its data. `different`: all of them differ.
 * `missing`: there is no target.
 */
export type TargetState = 'identical' | 'changed' | 'few' | 'different' | 'missing';

export interface ImageFiles {
  readonly source: string;
  readonly target: string;
  /** A list of the ranges that differ, in the form of `--changed`. */
  readonly list: string;
  /** The state file of `--bitmap`. */
  readonly stateFile: string;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const MEMORY_FILE_SYSTEM = '/dev/shm';
/** The directory for temporary files that survive a restart, which is on a disk. */
const DISK_FILE_SYSTEM = '/var/tmp';
const SEED = 1;
const COPY_BYTES = MIB;
const CHANGES = {
  changed: { fraction: 0.01, blockBytes: 4 * KIB },
  few: { fraction: 0.001, blockBytes: 64 * KIB },
  different: { fraction: 1, blockBytes: 4 * KIB },
};
/** The thin image has 1 MiB of data in each stretch of this length: 1 GiB in 200 GiB. */
const THIN_STRETCH_BYTES = 200 * MIB;
/** The huge image has this number of ranges of data, and holes in between. */
const HUGE_RANGES = { count: 1000, bytes: 64 * KIB };

export const imageBytes: Readonly<Record<'full' | 'quick', Readonly<Record<ImageName, number>>>> = {
  full: {
    tiny: 4 * KIB,
    small: MIB,
    medium: GIB,
    large: 4 * GIB,
    sparse: 64 * GIB,
    thin: 200 * GIB,
    huge: 10 * 1024 * GIB,
    disk: 2 * GIB,
    giant: 6 * GIB,
    fleet: 100 * 16 * MIB,
  },
  quick: {
    tiny: 4 * KIB,
    small: MIB,
    medium: 128 * MIB,
    large: 512 * MIB,
    sparse: 4 * GIB,
    thin: 20 * GIB,
    huge: 1024 * GIB,
    disk: 256 * MIB,
    giant: 768 * MIB,
    fleet: 20 * 16 * MIB,
  },
};

/** A source and a target of the same size, in memory, except the image `disk`. The image `fleet` is a directory of many. */
export class ImagePair {
  readonly sizeBytes: number;
  readonly files: ImageFiles;
  readonly remove: () => void;
  readonly #name: ImageName;
  #state: TargetState = 'identical';
  #differing: readonly ByteExtent[] = [];
  #sourceVersion = 0;

  constructor(name: ImageName, sizeBytes: number) {
    this.#name = name;
    const place = name === 'disk' ? DISK_FILE_SYSTEM : MEMORY_FILE_SYSTEM;
    requireRoom(place, spaceFor(name, sizeBytes));
    const directory = makeTemporaryDirectory('bench', place);
    this.remove = () => directory.remove();
    this.sizeBytes = sizeBytes;
    const path = (file: string): string => join(directory.path, file);
    this.files = {
      source: path('source'),
      target: path('target'),
      list: path('list'),
      stateFile: path('state'),
    };
    if (name === 'sparse') makeHoles(this.files, sizeBytes);
    else if (name === 'thin') makeThin(this.files, sizeBytes);
    else if (name === 'huge') makeHuge(this.files, sizeBytes);
    else if (name === 'fleet') makeFleet(this.files.source, this.files.target, sizeBytes);
    else makeAllocated(this.files, sizeBytes);
  }

  /** The number of bytes that differ now. */
  get differingBytes(): number {
    return this.#differing.reduce((sum, { length }) => sum + length, 0);
  }

  /** Puts the target into this state. The same blocks change each time, to the same bytes. */
  bring(state: TargetState): void {
    if (state === this.#state) return;
    if (this.#state === 'missing') copySparsely(this.files);
    else copyExtents(this.files, this.#differing);
    this.#differing = [];
    this.#state = state;
    if (state === 'missing') rmSync(this.files.target);
    if (state === 'missing' || state === 'identical') return;
    this.#differ(this.files.target, state, SEED + 1);
  }

  /** The same, but the source changes and the target stays as it is. They must be identical, and are different each time. */
  bringSource(state: 'identical' | 'few' | 'different'): void {
    assert(this.#state === 'identical');
    if (state === 'identical') return;
    this.#sourceVersion += 1;
    this.#differ(this.files.source, state, SEED + 1 + this.#sourceVersion);
  }

  #differ(path: string, state: keyof typeof CHANGES, seed: number): void {
    const change = { ...CHANGES[state], seed };
    this.#state = state;
    this.#differing =
      this.#name === 'huge' ? fillRanges(path, hugeRanges(this.sizeBytes), seed) : changeBlocks(path, change);
    const lines = this.#differing.map(({ offset, length }) => `${offset} ${length}\n`);
    writeFileSync(this.files.list, lines.join(''));
  }

  /** Records that the target has been made equal. Throws if it is not equal. */
  requireEqual(command: string): void {
    if (!this.#areEqual()) {
      throw new Error(`source and target differ after: ${command}`);
    }
    this.#differing = [];
    this.#state = 'identical';
  }

  #areEqual(): boolean {
    const { source, target } = this.files;
    if (this.#name === 'thin') return areThinFilesEqual(this.files, this.sizeBytes);
    if (this.#name === 'huge') return areRangesEqual(this.files, hugeRanges(this.sizeBytes));
    if (this.#name === 'fleet') return areFleetsEqual(source, target);
    return filesEqual(source, target, this.sizeBytes);
  }
}

function spaceFor(name: ImageName, sizeBytes: number): number {
  if (name === 'sparse') return 0;
  if (name === 'thin') return sizeBytes / 50;
  return 2 * (name === 'huge' ? HUGE_RANGES.count * HUGE_RANGES.bytes : sizeBytes);
}

function requireRoom(place: string, neededBytes: number): void {
  const { bavail, bsize } = statfsSync(place);
  if (bavail * bsize < neededBytes) {
    throw new Error(`${place} has no room for ${neededBytes} bytes: use --quick`);
  }
}

function makeHoles({ source, target }: ImageFiles, sizeBytes: number): void {
  for (const path of [source, target]) {
    writeFileSync(path, '');
    truncateSync(path, sizeBytes);
  }
}

function makeThin(files: ImageFiles, sizeBytes: number): void {
  writeFileSync(files.source, '');
  truncateSync(files.source, sizeBytes);
  const random = makeRandom(SEED);
  const bytes = Buffer.alloc(MIB);
  const fd = openSync(files.source, 'r+');
  for (let offset = MIB; offset < sizeBytes; offset += THIN_STRETCH_BYTES) {
    random.fill(bytes);
    writeSync(fd, bytes, 0, MIB, offset);
  }
  closeSync(fd);
  copySparsely(files);
}

/** Spread evenly, apart from some random distance. */
function hugeRanges(sizeBytes: number): ByteExtent[] {
  const random = makeRandom(SEED);
  const stretchBlocks = Math.floor(sizeBytes / HUGE_RANGES.count / HUGE_RANGES.bytes);
  return Array.from({ length: HUGE_RANGES.count }, (_, index) => ({
    offset: (index * stretchBlocks + random.below(stretchBlocks)) * HUGE_RANGES.bytes,
    length: HUGE_RANGES.bytes,
  }));
}

function makeHuge(files: ImageFiles, sizeBytes: number): void {
  const ranges = hugeRanges(sizeBytes);
  makeHoles(files, sizeBytes);
  fillRanges(files.source, ranges, SEED);
  copyExtents(files, ranges);
}

function fillRanges(path: string, ranges: readonly ByteExtent[], seed: number): readonly ByteExtent[] {
  const random = makeRandom(seed);
  const fd = openSync(path, 'r+');
  for (const { offset, length } of ranges) {
    const bytes = Buffer.alloc(length);
    random.fill(bytes);
    writeSync(fd, bytes, 0, length, offset);
  }
  closeSync(fd);
  return ranges;
}

function areRangesEqual({ source, target }: ImageFiles, ranges: readonly ByteExtent[]): boolean {
  const [from, to] = [openSync(source, 'r'), openSync(target, 'r')];
  try {
    return ranges.every(({ offset, length }) => {
      const [expected, actual] = [Buffer.alloc(length), Buffer.alloc(length)];
      readSync(from, expected, 0, length, offset);
      readSync(to, actual, 0, length, offset);
      return actual.equals(expected);
    });
  } finally {
    closeSync(from);
    closeSync(to);
  }
}

function copySparsely({ source, target }: ImageFiles): void {
  execFileSync('cp', ['--sparse=always', source, target]);
}

/** Compares the data only. The target has no room for anything else if it uses no more space than the source. */
function areThinFilesEqual({ source, target }: ImageFiles, sizeBytes: number): boolean {
  const [here, there] = [statSync(source), statSync(target)];
  if (there.size !== sizeBytes || there.blocks > here.blocks) return false;
  const [from, to] = [openSync(source, 'r'), openSync(target, 'r')];
  const [expected, actual] = [Buffer.alloc(MIB), Buffer.alloc(MIB)];
  try {
    for (let offset = MIB; offset < sizeBytes; offset += THIN_STRETCH_BYTES) {
      readSync(from, expected, 0, MIB, offset);
      readSync(to, actual, 0, MIB, offset);
      if (!actual.equals(expected)) return false;
    }
    return true;
  } finally {
    closeSync(from);
    closeSync(to);
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
