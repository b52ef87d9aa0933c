import { spawn } from 'node:child_process';
import type { Range } from '../../device/range.ts';
import { systemReason } from '../../errors.ts';
import { bounds } from '../../limits.ts';
import { complaintIn, programEnvironment, runProgram } from '../program.ts';
import { thinDeltaRanges, UnreadableDelta } from './delta-ranges.ts';

/** What is asked of thin_delta. */
export interface DeltaQuestion {
  readonly groupName: string;
  readonly poolName: string;
  /** Of the two volumes, as the pool numbers them. */
  readonly olderId: number;
  readonly newerId: number;
}

/** Ranges of the volume, in order; or as a clause why they can't be determined. */
export type DeltaAnswer = readonly Range[] | string;

/**
 * Reserves the pool's metadata snapshot, lists what differs, and releases it. It is a process of its own session that ignores
 * signals and a reader that is gone, so that the release follows also where this process is killed. A reservation that
 * failed is somebody else's, and is not released.
 */
const busyStatus = 101;
const notReleasedStatus = 102;
const script = [
  "trap '' HUP INT TERM PIPE",
  `dmsetup message "$1" 0 reserve_metadata_snap || exit ${busyStatus}`,
  'thin_delta -m --snap1 "$3" --snap2 "$4" "$2"',
  'status=$?',
  `dmsetup message "$1" 0 release_metadata_snap || exit ${notReleasedStatus}`,
  'exit $status',
].join('\n');

/** Asks thin_delta what differs between two thin volumes of a pool. Never rejects for what the tools do. */
export async function askThinDelta(question: DeltaQuestion): Promise<DeltaAnswer> {
  const problem = await toolProblem();
  return problem ?? listDelta(question);
}

/** @returns undefined if thin_delta is there, and of a version that answers correctly. */
async function toolProblem(): Promise<string | undefined> {
  const { status, output, reason, isMissing } = await runProgram(
    'thin_delta',
    ['-V'],
    bounds.volumeQueryTimeoutMs,
  );
  if (isMissing) return 'thin_delta is missing: install the package thin-provisioning-tools';
  if (status !== 0) return reason;
  return problemOfVersion(output);
}

/**
 * thin_delta 1.0.0 to 1.0.5 reports changed blocks as the same in some cases. 0.9.0 and 1.0.6 do not.
 *
 * @param output of `thin_delta -V`.
 * @returns undefined for a version that can be relied on.
 */
export function problemOfVersion(output: string): string | undefined {
  const [version, major, minor, patch] = /(\d+)\.(\d+)\.(\d+)/.exec(output) ?? [];
  if (version === undefined) return 'the version of thin_delta is unknown';
  const isWrong = major === '1' && minor === '0' && Number(patch) <= lastWrongPatch;
  return isWrong ? `thin_delta ${version} can miss changes: install 1.0.6 or newer` : undefined;
}

const lastWrongPatch = 5;

async function listDelta({ groupName, poolName, olderId, newerId }: DeltaQuestion): Promise<DeltaAnswer> {
  const pool = `${doubled(groupName)}-${doubled(poolName)}`;
  try {
    const args = [`${pool}-tpool`, `/dev/mapper/${pool}_tmeta`, `${olderId}`, `${newerId}`];
    const child = spawn('/bin/sh', ['-c', script, 'basyn-thin-delta', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      cwd: '/',
      env: programEnvironment(),
    });
    let errors = '';
    child.stderr.on('data', (part: Buffer) => {
      if (errors.length < longestComplaint) errors += part.toString();
    });
    const closed = new Promise<number | null>((resolve, reject) => {
      child.once('close', resolve).once('error', reject);
    });
    const [list, status] = await Promise.all([collect(child.stdout), closed]);
    if (status !== 0) return failureOf(status, complaintIn(errors));
    return list;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return `/bin/sh can't be started: ${systemReason(error as NodeJS.ErrnoException)}`;
  }
}

const longestComplaint = 8192;

function failureOf(status: number | null, complaint: string): string {
  const reason = complaint === '' ? '' : ` (${complaint})`;
  if (status === busyStatus) return `the metadata of the pool is reserved by another program${reason}`;
  if (status === notReleasedStatus) return `the reserved metadata of the pool can't be released${reason}`;
  return `thin_delta failed with status ${status ?? 'unknown'}${reason}`;
}

/** Reads to the end in any case: the process must not be stopped before it has released the metadata. */
async function collect(stream: AsyncIterable<Buffer>): Promise<DeltaAnswer> {
  const ranges: { offsetBytes: number; lengthBytes: number }[] = [];
  const parts = withoutReturn(stream);
  try {
    for await (const range of thinDeltaRanges(parts)) {
      const last = ranges.at(-1);
      if (last?.offsetBytes !== undefined && last.offsetBytes + last.lengthBytes === range.offsetBytes) {
        last.lengthBytes += range.lengthBytes;
      } else if (ranges.length === bounds.listedChanges) {
        throw new UnreadableDelta(`it has more than ${bounds.listedChanges} ranges`);
      } else ranges.push({ ...range });
    }
    return ranges;
  } catch (error) {
    if (!(error instanceof UnreadableDelta)) throw error;
    let next = await parts.next();
    while (next.done !== true) next = await parts.next();
    return `the list of thin_delta can't be used: ${error.message}`;
  }
}

/** The parts of a stream, which is not closed when its reader ends early. */
function withoutReturn(stream: AsyncIterable<Buffer>): AsyncIterableIterator<Buffer> {
  const parts = stream[Symbol.asyncIterator]();
  return {
    next: () => parts.next(),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** As device-mapper writes a name of LVM. */
function doubled(name: string): string {
  return name.replaceAll('-', '--');
}
