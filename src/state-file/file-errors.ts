import { BasynError, systemReason } from '../errors.ts';

/** The path of a state file, for messages. */
export interface FilePlace {
  readonly path: string;
}

/** An error about a state file. Its message begins with the name of the file. */
export function fileError(
  code: 'device' | 'refused',
  { path }: FilePlace,
  what: string,
  cause?: unknown,
): BasynError {
  const message = `State file ${path} ${what}`;
  return new BasynError(code, message, { side: 'local', device: path }, cause === undefined ? {} : { cause });
}

/**
 * Does work on the state file.
 *
 * @param what the work, as in "cannot be read".
 * @throws {BasynError} `device`, if a system call fails.
 */
export function inFile<T>(place: FilePlace, what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asFileError(place, what, error);
  }
}

/** The same for work that waits. */
export async function inFileLater<T>(place: FilePlace, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asFileError(place, what, error);
  }
}

function asFileError(place: FilePlace, what: string, error: unknown): BasynError {
  if (error instanceof BasynError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) return BasynError.from(error);
  return fileError(
    'device',
    place,
    `cannot be ${what}: ${systemReason(error as NodeJS.ErrnoException)}.`,
    error,
  );
}
