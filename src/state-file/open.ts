import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { lockFile, syncDirectory } from '../device/device.ts';
import { fileError, inFile, inFileLater, type FilePlace } from './file-errors.ts';
import type { Header } from './header.ts';
import { readHeader, writeHeader } from './header-slots.ts';
import { StateFile } from './state-file.ts';

/** What a new file begins with. */
export type FirstHeader = Pick<Header, 'sizeBytes' | 'bufferBytes' | 'blockBytes' | 'hash' | 'target'>;

/** `read`: the run changes nothing, not even the state file. */
export type FileAccess = 'update' | 'read';

/**
 * Opens and locks an existing state file.
 *
 * @returns undefined if there is no file; `damaged` if it is a state file without a valid header.
 * @throws {BasynError} `refused`, if the file is something else, or another run uses it; `device`, if it cannot be read.
 */
export async function openStateFile(
  path: string,
  access: FileAccess,
): Promise<StateFile | 'damaged' | undefined> {
  const place = { path };
  const flags = access === 'read' ? constants.O_RDONLY : constants.O_RDWR;
  const fd = inFile(place, 'opened', () => openIfThere(path, flags));
  if (fd === undefined) return undefined;
  try {
    if (!inFile(place, 'opened', () => fstatSync(fd)).isFile()) throw notOurs(place);
    await lock(place, fd);
    const header = readHeader(place, fd);
    if (header === 'foreign') throw notOurs(place);
    if (header !== 'damaged') return new StateFile(place, fd, header);
    closeSync(fd);
    return 'damaged';
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * Creates a state file that knows nothing yet. Its name appears when its header is durable.
 *
 * @param existing `replaced`: another state file has the name. `none`: whatever has the name meanwhile is left alone.
 * @param fileId of the file that is replaced, if it belongs to the same target. Its bases in the volume manager are found by it.
 * @throws {BasynError} `device`, if it cannot be created.
 */
export async function createStateFile(
  path: string,
  first: FirstHeader,
  existing: 'none' | 'replaced',
  fileId: string = randomBytes(16).toString('hex'),
): Promise<StateFile> {
  const place = { path };
  const temporaryPath = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  const fd = inFile(place, 'created', () =>
    openSync(temporaryPath, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600),
  );
  try {
    const header: Header = {
      ...first,
      state: 'open',
      sequence: 1,
      fileId,
      generation: 1,
      scrubBuffer: 0,
      base: null,
    };
    const file = new StateFile(place, fd, header);
    writeHeader(place, fd, header);
    await lock(place, fd);
    inFile(place, 'created', () => {
      fsyncSync(fd);
      giveName(temporaryPath, path, existing);
      syncDirectory(dirname(path));
    });
    return file;
  } catch (error) {
    closeSync(fd);
    removeIfThere(temporaryPath);
    throw error;
  }
}

function giveName(temporaryPath: string, path: string, existing: 'none' | 'replaced'): void {
  if (existing === 'replaced') {
    renameSync(temporaryPath, path);
    return;
  }
  // Unlike a rename, a link does not replace the file of another run that was created at the same time.
  try {
    linkSync(temporaryPath, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw fileError(
      'refused',
      { path },
      'was created by another program at this moment, or is a symbolic link to a file that does not exist. It was left as it is.',
    );
  }
  unlinkSync(temporaryPath);
}

function openIfThere(path: string, flags: number): number | undefined {
  try {
    // A pipe would block.
    return openSync(path, flags | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function lock(place: FilePlace, fd: number): Promise<void> {
  switch (await inFileLater(place, 'locked', () => lockFile(fd))) {
    case 'locked':
      return;
    case 'held by another':
      throw fileError('refused', place, 'is used by another run.');
    case 'unavailable':
      throw fileError(
        'refused',
        place,
        "can't be locked by flock, so another run could use it at the same time.",
      );
  }
}

function notOurs(place: FilePlace): Error {
  return fileError('refused', place, 'is not a state file. It was left as it is: name another file.');
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
