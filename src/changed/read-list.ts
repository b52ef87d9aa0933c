import { createReadStream } from 'node:fs';
import { BasynError, runEnded, systemReason } from '../errors.ts';
import { ChangeList } from './change-list.ts';
import { DetectingParser } from '../list-formats/detect.ts';
import { ListProblem } from '../list-formats/list-parser.ts';

export interface ListOptions {
  /** Of the file, or `-` for stdin. */
  readonly path: string;
  readonly bufferBytes: number;
  /** The block of dm-era. Undefined if it was not given. */
  readonly eraBlockBytes: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A list that was read to its end. */
export interface ReadList {
  readonly list: ChangeList;
  /** The program that makes such lists. */
  readonly format: string;
}

/**
 * Reads a list of changes to its end, in whichever format it is. An empty list is refused: it is most likely the output of a
 * program that failed.
 *
 * @throws {BasynError} `refused`, where it can't be read, or is malformed or cut off; `aborted`.
 */
export async function readChangeList(options: ListOptions): Promise<ReadList> {
  const { path, signal } = options;
  const name = path === '-' ? 'list of changes on stdin' : `list of changes ${path}`;
  const list = new ChangeList(name, options.bufferBytes);
  const parser = new DetectingParser(list, options.eraBlockBytes);
  try {
    for await (const part of inputOf(path, signal)) parser.write(part.toString('latin1'));
    parser.end();
  } catch (error) {
    if (signal?.aborted === true) throw runEnded();
    if (error instanceof ListProblem) {
      const { message, remedy } = error;
      throw new BasynError(
        'refused',
        `The ${name} ${message}. Nothing was written.`,
        { remedy },
        { cause: error },
      );
    }
    const { syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    const reason = systemReason(error as NodeJS.ErrnoException);
    const what = `The ${name} can't be read: ${reason}. Nothing was written.`;
    throw new BasynError('refused', what, {}, { cause: error });
  }
  return { list, format: parser.format };
}

/** All numbers and names are ASCII, so that each byte is a character. */
function inputOf(path: string, signal: AbortSignal | undefined): AsyncIterable<Buffer> {
  if (path !== '-') return createReadStream(path, { ...(signal && { signal }) });
  const { stdin } = process;
  signal?.addEventListener('abort', () => stdin.destroy(runEnded()), { once: true });
  return stdin;
}
