import { doubtAbout, parseIdentity, unknownMarks, type ContentMarks } from '../device/device.ts';
import { blockBytesOf, bufferCountOf } from '../digest/geometry.ts';
import { loadHasher } from '../digest/hash.ts';
import { BasynError, type Side } from '../errors.ts';
import type { FinishedMessage, OpenedMessage } from '../protocol/messages.ts';
import type { Plan } from '../protocol/schemas.ts';
import type { DeviceReport, StateFileReport } from '../report.ts';
import type { Recorder } from '../state-file/recorder.ts';
import { PeerDigests } from './compare/peer-digests.ts';
import { Findings } from './compare/findings.ts';
import { wholeDevice } from './coverage.ts';
import { expectOpened, sayGoodbye, sendOpen, type LocalEnd } from './local-end.ts';
import { planOf } from './order.ts';
import { geometryOfPlan } from './phase.ts';
import { unexpected } from './unexpected.ts';

/** What a run has to know that makes a state file from the source alone. */
export interface Recording {
  readonly recorder: Recorder;
  /** Where the source is. */
  readonly sourceSide: Side;
}

/** The local end of such a run. */
export type RecordEnd = LocalEnd & Recording;

/**
 * Makes a state file from the source alone. The peer reads the source, in the role of a target: in a dry run of a SYNC, a
 * target streams the digests of its device and writes nothing. They are not compared with anything.
 *
 * @returns what the file knows then.
 * @throws {BasynError} the first failure on either side; `device`, where the source was written to meanwhile. The file then
 *   counts as interrupted.
 */
export async function runRecordEnd(end: RecordEnd): Promise<StateFileReport> {
  const { order, channel, reporter, recorder, sourceSide } = end;
  channel.onFlush(() => reporter.flushing(sourceSide));
  sendOpen(end, null);
  const opened = await expectOpened(end);
  const { kind, sizeBytes } = opened;
  const source: DeviceReport = { side: sourceSide, path: order.remotePath, kind, sizeBytes };
  reporter.warn([...opened.warnings, ...requireSameSource(end, source, opened)]);
  const survey = opened.surveysDirectly === true ? 'direct' : 'cached';
  reporter.start(source, undefined, { source: survey, survey, sent: 'cached', target: 'none' });
  reporter.note(opened.notes ?? []);
  const plan: Plan = { ...planOf(order, 'sync', sizeBytes, undefined), recorded: true };
  const { hash, bufferBytes } = plan;
  const sourceMarks = opened.marks ?? unknownMarks;
  const blockBytes = blockBytesOf(geometryOfPlan(plan));
  await recorder.begin({ hash, bufferBytes, blockBytes, sizeBytes, target: undefined, sourceMarks });
  await recordAll(end, plan);
  const marks = (await sayGoodbye(end)).marks ?? unknownMarks;
  reporter.warn(requireUnchanged(source, sourceMarks, marks));
  await recorder.end({ source: marks, target: undefined });
  const { path, bufferCount, knownBuffers } = recorder.report();
  return { path, bufferCount, knownBuffers };
}

/** The only phase. */
async function recordAll(end: RecordEnd, plan: Plan): Promise<void> {
  const { channel, reporter, recorder } = end;
  const geometry = geometryOfPlan(plan);
  const coverage = wholeDevice(geometry);
  const hasher = await loadHasher(plan.hash);
  const peer = new PeerDigests({ plan, hasher, coverage, surveyed: coverage }, channel);
  channel.send({ type: 'begin', ...plan });
  const onProgress = reporter.phaseStart('record', plan.sizeBytes);
  const bufferCount = bufferCountOf(geometry);
  // Batches of digests may overtake each other.
  const early = new Set<number>();
  let doneBuffers = 0;
  while (doneBuffers < bufferCount) {
    const message = await channel.next();
    if (message.type !== 'digests') throw unexpected(message);
    peer.receiveDigests(message, (index, digest) => {
      recorder.learn(index, digest);
      early.add(index);
    });
    while (early.delete(doneBuffers)) doneBuffers++;
    peer.advance(doneBuffers, 0);
    onProgress(Math.min(doneBuffers * plan.bufferBytes, plan.sizeBytes));
  }
  const { holeBytes = 0, readBytes = 0, notes = [] } = await finish(end);
  reporter.note(notes);
  reporter.phaseEnd({
    ...nothingFound,
    writtenBytes: 0,
    releasedBytes: 0,
    sourceHoleBytes: holeBytes,
    targetHoleBytes: 0,
    sourceReadBytes: readBytes,
    targetReadBytes: 0,
  });
}

const nothingFound = new Findings().differences();

async function finish({ channel }: RecordEnd): Promise<FinishedMessage> {
  channel.send({ type: 'finish', dataBytes: 0, ...nothingFound, differingRanges: [] });
  const message = await channel.next();
  if (message.type !== 'finished') throw unexpected(message);
  return message;
}

/**
 * The file is to describe a target that was filled from the source. That is not possible if the source changes.
 *
 * @returns a warning, where it is not known.
 * @throws {BasynError} `device`
 */
function requireUnchanged({ side, path }: DeviceReport, before: ContentMarks, after: ContentMarks): string[] {
  const doubt = doubtAbout(before, after);
  if (doubt === undefined) return [];
  if (doubt === 'unknown') {
    return [
      `It is not known whether source ${path} was written to while it was read. If it was, the state file may not describe ` +
        'the target that was filled from it.',
    ];
  }
  const message =
    `Source ${path} was written to while it was read, so the state file may not describe the target that was filled from ` +
    'it. The file will not be used. Make both from a snapshot.';
  throw new BasynError('device', message, { side, device: path });
}

/** @throws {BasynError} `device`, where a later attempt finds another source than the first one. */
function requireSameSource(
  { continuity }: RecordEnd,
  source: DeviceReport,
  { lasting, identity }: OpenedMessage,
): string[] {
  if (continuity === undefined) return [];
  const { fingerprint } = parseIdentity(identity);
  const seen = { ...source, role: 'source', newFromBytes: undefined, lasting, fingerprint } as const;
  return continuity.requireSame(seen).warnings;
}
