import { getSystemErrorMap } from 'node:util';

/** The machine a thing happened on, as the person who typed the command sees it. */
export type Side = 'local' | 'remote';

/**
 * What kind of failure it was. One switch, {@link exitCodeOf}, turns it into the command's exit code.
 *
 * - `usage`: the command line can't be carried out as written. Nothing was opened or changed.
 * - `device`: a device or file can't be opened, read, written or flushed.
 * - `refused`: a guard stopped the run before the first write.
 * - `connection`: the remote side can't be reached, can't start, went away, or fell silent.
 * - `protocol`: the other side sent something that is not allowed.
 * - `aborted`: the caller (a signal, an AbortSignal) ended the run.
 * - `internal`: a bug of ours.
 */
export type ErrorCode = 'usage' | 'device' | 'refused' | 'connection' | 'protocol' | 'aborted' | 'internal';

/** Where a failure happened, as far as it is known. */
export interface ErrorPlace {
  readonly side?: Side;
  /** Path of the device or file. */
  readonly device?: string;
  /** Byte offset on the device. */
  readonly offsetBytes?: number;
}

/** The form in which an error crosses a thread or the wire. */
export interface ErrorRecord extends ErrorPlace {
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * Every failure of the outside world that Basyn reports. The message is one sentence for a person: it names
 * the side, the device and the offset where they are known, and says what to do where something can be done.
 */
export class BasynError extends Error implements ErrorRecord {
  declare readonly name: 'BasynError';
  readonly code: ErrorCode;
  // Only declared: a field that is defined and unknown would be printed as `side: undefined`.
  declare readonly side?: Side;
  declare readonly device?: string;
  declare readonly offsetBytes?: number;

  constructor(code: ErrorCode, message: string, place: ErrorPlace = {}, { cause }: ErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    if (place.side !== undefined) this.side = place.side;
    if (place.device !== undefined) this.device = place.device;
    if (place.offsetBytes !== undefined) this.offsetBytes = place.offsetBytes;
  }

  /** Plain data, for a thread or the wire. */
  toRecord(): ErrorRecord {
    const { code, message, side, device, offsetBytes } = this;
    return {
      code,
      message,
      ...(side !== undefined && { side }),
      ...(device !== undefined && { device }),
      ...(offsetBytes !== undefined && { offsetBytes }),
    };
  }

  static fromRecord(record: ErrorRecord): BasynError {
    return new BasynError(record.code, record.message, record);
  }

  /** Any thrown value as a BasynError; what is not one yet is a bug of ours, and keeps its cause. */
  static from(thrown: unknown): BasynError {
    if (thrown instanceof BasynError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new BasynError('internal', `Internal error: ${message}`, {}, { cause: thrown });
  }
}

// On the prototype, as in JavaScript's own errors: the stack then begins with "BasynError: …", and the name is not printed
// as a field. On the class, because the bundler renames it, and node prints that name.
for (const owner of [BasynError, BasynError.prototype]) {
  Object.defineProperty(owner, 'name', { value: 'BasynError', configurable: true });
}

/** Exit code of the command: 1 promises that nothing was changed, 2 is everything else that went wrong. */
export function exitCodeOf(error: BasynError): 1 | 2 {
  switch (error.code) {
    case 'usage':
      return 1;
    case 'device':
    case 'refused':
    case 'connection':
    case 'protocol':
    case 'aborted':
    case 'internal':
      return 2;
  }
}

/** The reason behind a failed system call, in words: "No space left on device (ENOSPC)". */
export function systemReason(error: NodeJS.ErrnoException): string {
  if (error.code === undefined) return error.message;
  if (error.errno === damagedErrno) return 'the file system is damaged (EUCLEAN)';
  return `${reasons[error.code] ?? nodesReason(error)} (${error.code})`;
}

/** The words alone: the message of such an error also has the call and the path. */
function nodesReason({ errno, message }: NodeJS.ErrnoException): string {
  const [, reason] = (errno === undefined ? undefined : getSystemErrorMap().get(errno)) ?? [];
  return reason ?? message;
}

/** EUCLEAN on Linux, which node has no name for. */
const damagedErrno = -117;

const reasons: Partial<Record<string, string>> = {
  EACCES: 'permission denied',
  EBUSY: 'device or resource busy',
  EFBIG: 'file size limit reached',
  EIO: 'input/output error',
  EISDIR: 'it is a directory',
  ELOOP: 'too many symbolic links',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files in the whole system',
  ENODEV: 'no such device',
  ENOENT: 'no such file or device',
  ENOMEDIUM: 'no medium found',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'a part of the path is not a directory',
  ENXIO: 'no such device or address',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system or device',
  ETXTBSY: 'in use as swap or as a running program',
};

/** Why everything fails that was under way when somebody ended the run. */
export function runEnded(): BasynError {
  return new BasynError('aborted', 'The run was ended.');
}

/** For our own bugs: what must hold, holds, or the run ends. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new BasynError('internal', `Internal error: ${what}`);
}
