import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterTest } from './clean-up.ts';
import { MiB, readMedium, targetDisk } from './disks.ts';
import { MappedDevice, tableOver, type Segment } from './mapped-device.ts';
import { sh } from './shell.ts';
import { LoggedDevice } from './write-log.ts';

/** Of the file system below the target. */
export const fileSystemBytes = 32 * MiB;
const blockBytes = 4096;
const mountPoint = '/run/mounted';

/** Makes an ext4 on the disk below the target. */
function makeFileSystem(): void {
  // Everything is written now: a disk that fails later still has all metadata of the file system.
  const options = ['-E', 'lazy_itable_init=0,lazy_journal_init=0,nodiscard', '-b', `${blockBytes}`];
  sh('mkfs.ext4', ['-q', '-F', ...options, targetDisk, `${fileSystemBytes / 1024}k`]);
}

/** Mounts the device until the end of the test, and creates a file with these bytes, all of which reach the disk. */
function mountWithFile(device: MappedDevice, bytes: Buffer): string {
  mount(device.path, mountPoint);
  const path = `${mountPoint}/target`;
  writeFileSync(path, bytes);
  sh('sync', ['-f', mountPoint]);
  return path;
}

/** A file on ext4 on a disk that can be made to fail in the range of the file. */
export class FileOnFaultyDisk {
  readonly path: string;
  readonly #device: MappedDevice;
  readonly #file: Omit<Segment, 'kind'>;

  constructor(bytes: Buffer) {
    makeFileSystem();
    this.#device = new MappedDevice('disk', tableOver(targetDisk, [{ ...whole, kind: 'healthy' }]));
    this.path = mountWithFile(this.#device, bytes);
    this.#file = { offsetBytes: firstByteOf(this.path, bytes.length), lengthBytes: bytes.length };
  }

  /** The file system's own data is not affected. */
  become(kind: Segment['kind']): void {
    const endBytes = this.#file.offsetBytes + this.#file.lengthBytes;
    this.#device.become(
      tableOver(targetDisk, [
        { offsetBytes: 0, lengthBytes: this.#file.offsetBytes, kind: 'healthy' },
        { ...this.#file, kind },
        { offsetBytes: endBytes, lengthBytes: fileSystemBytes - endBytes, kind: 'healthy' },
      ]),
    );
  }

  medium(): Buffer {
    return readMedium(targetDisk, this.#file.offsetBytes, this.#file.lengthBytes);
  }
}

/** A file on ext4 on a disk that records what is durable. */
export class FileOnLoggedDisk {
  readonly path: string;
  readonly #device: LoggedDevice;
  readonly #atFirst: Buffer;

  constructor(bytes: Buffer) {
    makeFileSystem();
    this.#atFirst = readMedium(targetDisk, 0, fileSystemBytes);
    this.#device = new LoggedDevice('disk', targetDisk, fileSystemBytes);
    this.path = mountWithFile(this.#device, bytes);
  }

  /** The content of a file in this directory after a power cut, when the file system has been mounted again. */
  contentAfterPowerCut(path: string): Buffer {
    const image = '/run/lab/after-power-cut';
    writeFileSync(image, this.#device.mediumAfterPowerCut(this.#atFirst));
    const recovered = `${mountPoint}-again`;
    mount(image, recovered, ['-o', 'loop']);
    return readFileSync(path.replace(mountPoint, recovered));
  }
}

const whole = { offsetBytes: 0, lengthBytes: fileSystemBytes };

function mount(device: string, directory: string, options: readonly string[] = []): void {
  mkdirSync(directory, { recursive: true });
  sh('mount', ['-t', 'ext4', ...options, device, directory]);
  afterTest(() => sh('umount', [directory]));
}

function firstByteOf(path: string, lengthBytes: number): number {
  const text = sh('filefrag', ['-v', `-b${blockBytes}`, path]).toString();
  const [, last, first] = /^ *0: +0\.\. *(\d+): +(\d+)\.\./m.exec(text) ?? [];
  assert.equal(Number(last), lengthBytes / blockBytes - 1, `the file does not lie in one piece: ${text}`);
  return Number(first) * blockBytes;
}
