import { getSystemErrorMap } from 'node:util';

/** The host on which something happened, as the user of the command sees it. */
export type Side = 'local' | 'remote';

/**
 * The kind of a failure. {@link exitCodeOf} maps it to the exit code of the command.
 *
 * - `usage`: the options are invalid. Nothing was opened or changed.
 * - `device`: a device or file cannot be opened, read, written or flushed.
 * - `refused`: a guard stopped the run before the first write.
 * - `connection`: the remote host cannot be reached, its agent cannot start, or the link was lost.
 * - `protocol`: the peer sent something that is not allowed.
 * - `aborted`: the caller ended the run, by a signal or an AbortSignal.
 * - `internal`: a bug in Basyn.
 */
export type ErrorCode = 'usage' | 'device' | 'refused' | 'connection' | 'protocol' | 'aborted' | 'internal';

/**
 * A change of the options that lets the run go on.
 *
 * - `create`: allow that a missing target is created (`create`).
 * - `do-not-create`: the target was created by the failed run. Do not ask for it again (`create`).
 * - `grow`: allow that a target file which is too small is extended (`grow`).
 * - `force`: allow writing to a target that is in use (`force`).
 * - `other-user`: log in as a user whose account can run node (`user`).
 * - `other-node`: name the node that is started on the remote host (`remoteNode`).
 * - `other-runtime`: name a node that can be sent to the remote host (`remoteRuntime`).
 * - `snapshot-size`: give the snapshot of the source a size, or another one (`snapshot`).
 * - `changed-block-size`: say how large the blocks are in which a list of changes counts (`changedBlockBytes`).
 * - `no-list`: leave out the list of changes (`changed`).
 * - `longer-timeout`: wait longer for the remote host (`timeoutMs`).
 * - `skip-read-errors`: leave out what can't be read of the source (`skipReadErrors`).
 * - `update-bitmap`: discard what a state file knows (`updateBitmap`).
 */
export const remedies = [
  'create',
  'do-not-create',
  'grow',
  'force',
  'other-user',
  'other-node',
  'other-runtime',
  'snapshot-size',
  'longer-timeout',
  'skip-read-errors',
  'changed-block-size',
  'no-list',
  'update-bitmap',
] as const;
export type Remedy = (typeof remedies)[number];

/** Whether a value from elsewhere is a remedy that this version knows. */
export function isRemedy(value: unknown): value is Remedy {
  return (remedies as readonly unknown[]).includes(value);
}

/** What is known about a failure. */
export interface ErrorFacts {
  readonly side?: Side;
  /** Path of the device or file. */
  readonly device?: string;
  /** Byte offset on the device. */
  readonly offsetBytes?: number;
  /** The option that helps. The message does not name it, because the command and the library name it differently. */
  readonly remedy?: Remedy;
  /**
   * Another attempt may succeed: the link failed, or the host did not answer. Left out where an attempt would fail in the
   * same way, and where that is unknown.
   */
  readonly retryable?: true;
}

/** Facts of which some may be unknown. An `undefined` one is left out. */
type Given<Facts> = { readonly [Key in keyof Facts]: Facts[Key] | undefined };

/** The form in which an error crosses a thread or the wire. */
export interface ErrorRecord extends ErrorFacts {
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * Every failure that Basyn reports. The message is written for the user. It says what is wrong and names the host, the
 * device and the offset if they are known. It does not name options: see {@link Remedy}.
 */
export class BasynError extends Error implements ErrorRecord {
  declare readonly name: 'BasynError';
  readonly code: ErrorCode;
  // Only declared: a field that is defined and unknown would be printed as `side: undefined`.
  declare readonly side?: Side;
  declare readonly device?: string;
  declare readonly offsetBytes?: number;
  declare readonly remedy?: Remedy;
  declare readonly retryable?: true;

  constructor(
    code: ErrorCode,
    message: string,
    facts: Given<ErrorFacts> = {},
    { cause }: { readonly cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    if (facts.side !== undefined) this.side = facts.side;
    if (facts.device !== undefined) this.device = facts.device;
    if (facts.offsetBytes !== undefined) this.offsetBytes = facts.offsetBytes;
    if (facts.remedy !== undefined) this.remedy = facts.remedy;
    if (facts.retryable !== undefined) this.retryable = facts.retryable;
  }

  /** Plain data, for a thread or the wire. */
  toRecord(): ErrorRecord {
    const { code, message, side, device, offsetBytes, remedy, retryable } = this;
    return {
      code,
      message,
      ...(side !== undefined && { side }),
      ...(device !== undefined && { device }),
      ...(offsetBytes !== undefined && { offsetBytes }),
      ...(remedy !== undefined && { remedy }),
      ...(retryable !== undefined && { retryable }),
    };
  }

  static fromRecord(record: ErrorRecord): BasynError {
    return new BasynError(record.code, record.message, record);
  }

  /** Any thrown value as a BasynError. A value that is not one is a bug in Basyn, and becomes the cause. */
  static from(thrown: unknown): BasynError {
    if (thrown instanceof BasynError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new BasynError('internal', `Internal error: ${message}`, {}, { cause: thrown });
  }
}

// On the prototype, as in JavaScript's own errors: the stack then begins with "BasynError: …", and the name is not printed
// as a field. On the class as well, because the bundler renames it and node prints that name.
for (const owner of [BasynError, BasynError.prototype]) {
  Object.defineProperty(owner, 'name', { value: 'BasynError', configurable: true });
}

/** Exit code of the command: 1 promises that nothing was changed, 2 is any other failure. */
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

/** The reason of a failed system call, in words: "no space left on device (ENOSPC)". */
export function systemReason(error: NodeJS.ErrnoException): string {
  if (error.code === undefined) return error.message;
  if (error.errno === damagedErrno) return 'the file system is damaged (EUCLEAN)';
  return `${reasons[error.code] ?? nodesReason(error)} (${error.code})`;
}

/** Only the reason: the message of a system error also contains the call and the path. */
function nodesReason({ errno, message }: NodeJS.ErrnoException): string {
  const [, reason] = (errno === undefined ? undefined : getSystemErrorMap().get(errno)) ?? [];
  return reason ?? message;
}

/** EUCLEAN on Linux. Node has no name for it. */
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

/** The error of everything that was in progress when the caller ended the run. */
export function runEnded(): BasynError {
  return new BasynError('aborted', 'The run was ended.');
}

/** Ends the run with an `internal` error unless the condition holds. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new BasynError('internal', `Internal error: ${what}`);
}
