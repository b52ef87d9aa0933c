import { spawn } from 'node:child_process';
import { systemReason } from '../../errors.ts';
import { bounds } from '../../limits.ts';
import { ListProblem, type RangeListener } from '../../list-formats/list-parser.ts';
import { XmlListParser, type DeltaSummary } from '../../list-formats/xml-lists.ts';
import { doubled, poolDeviceOf } from './mapped-blocks.ts';
import { complaintIn, programEnvironment, runProgram } from '../program.ts';

/** What is asked of thin_delta. */
export interface DeltaQuestion {
  readonly groupName: string;
  readonly poolName: string;
  /** Of the two volumes, as the pool numbers them. */
  readonly olderId: number;
  readonly newerId: number;
  /** Blocks of the pool that each of them has mapped, as far as the pool itself tells. */
  readonly olderBlocks: number;
  readonly newerBlocks: number;
  readonly blockBytes: number;
}

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

/**
 * Asks thin_delta what differs between two thin volumes of a pool. Never rejects for what the tools do.
 *
 * @returns as a clause why that can't be determined. What was listed does not count then.
 */
export async function askThinDelta(
  question: DeltaQuestion,
  listener: RangeListener,
): Promise<string | undefined> {
  return (await toolProblem()) ?? (await listDelta(question, listener));
}

/** @returns undefined if thin_delta is there, and of a version that answers correctly. */
export async function toolProblem(): Promise<string | undefined> {
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

async function listDelta(question: DeltaQuestion, listener: RangeListener): Promise<string | undefined> {
  const { groupName, poolName, olderId, newerId } = question;
  const metadata = `/dev/mapper/${doubled(groupName)}-${doubled(poolName)}_tmeta`;
  try {
    const args = [poolDeviceOf({ groupName, poolName }), metadata, `${olderId}`, `${newerId}`];
    const child = spawn('/bin/sh', ['-c', script, 'basyn-thin-delta', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      cwd: '/',
      env: programEnvironment(),
    });
    let errors = '';
    child.stderr.on('data', (part: Buffer) => {
      if (errors.length < bounds.thinDeltaComplaintCharacters) errors += part.toString();
    });
    const closed = new Promise<number | null>((resolve, reject) => {
      child.once('close', resolve).once('error', reject);
    });
    const [answer, status] = await Promise.all([readList(child.stdout, listener), closed]);
    if (status !== 0) return failureOf(status, complaintIn(errors));
    const problem = answer instanceof ListProblem ? answer.message : contradictionIn(answer, question);
    return problem && `the list of thin_delta ${problem}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return `/bin/sh can't be started: ${systemReason(error as NodeJS.ErrnoException)}`;
  }
}

/** Reads to the end in any case: the process must not be stopped before it has released the metadata. */
export async function readList(
  stream: AsyncIterable<Buffer>,
  listener: RangeListener,
): Promise<DeltaSummary | ListProblem> {
  const parser = new XmlListParser(listener, undefined);
  let problem: ListProblem | undefined;
  for await (const part of stream) problem ??= problemIn(() => parser.write(part.toString('latin1')));
  problem ??= problemIn(() => parser.end());
  return problem ?? parser.delta ?? new ListProblem('is one of another program');
}

/**
 * Whether a list can be that of the two volumes. Each block that a volume has mapped is in exactly one range, so a list that
 * leaves out a range has too few blocks. This also shows that a base has lost blocks since it was kept: a discard makes a
 * block unmapped in the base, and if the volume has discarded it as well, no range of the list has it.
 *
 * @returns what contradicts it, as the end of a sentence.
 */
export function contradictionIn(
  { blockBytes, leftId, rightId, blocks }: DeltaSummary,
  expected: Omit<DeltaQuestion, 'groupName' | 'poolName'>,
): string | undefined {
  if (leftId !== `${expected.olderId}` || rightId !== `${expected.newerId}`) {
    return `is about the volumes ${leftId} and ${rightId}, and not about ${expected.olderId} and ${expected.newerId}`;
  }
  if (blockBytes !== expected.blockBytes) {
    return `has blocks of ${blockBytes} bytes, and the pool has blocks of ${expected.blockBytes} bytes`;
  }
  const { same, different, left_only: leftOnly, right_only: rightOnly } = blocks;
  const [olderBlocks, newerBlocks] = [same + different + leftOnly, same + different + rightOnly];
  if (newerBlocks !== expected.newerBlocks) {
    return `has ${newerBlocks} blocks of the new snapshot, which holds ${expected.newerBlocks}`;
  }
  if (olderBlocks !== expected.olderBlocks) {
    return `has ${olderBlocks} blocks of the base, which held ${expected.olderBlocks} when it was kept`;
  }
  return undefined;
}

function problemIn(parse: () => void): ListProblem | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (error instanceof ListProblem) return error;
    throw error;
  }
}

function failureOf(status: number | null, complaint: string): string {
  const reason = complaint === '' ? '' : ` (${complaint})`;
  if (status === busyStatus) return `the metadata of the pool is reserved by another program${reason}`;
  if (status === notReleasedStatus) return `the reserved metadata of the pool can't be released${reason}`;
  return `thin_delta failed with status ${status ?? 'unknown'}${reason}`;
}
