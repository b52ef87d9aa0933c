import { lastingIdentityOf, parseIdentity } from '../device/device.ts';
import { BasynError, type Side } from '../errors.ts';
import { tuning } from '../limits.ts';
import type { LaneOpener } from '../link/lane-opener.ts';
import type { ClosedMessage, OpenedMessage } from '../protocol/messages.ts';
import { protocolVersion } from '../protocol/schemas.ts';
import type { DeviceReport, ReadPath } from '../report.ts';
import type { Continuity, SeenDevice } from './continuity.ts';
import { traceDevice } from './device-trace.ts';
import { openDevice, targetRequestOf, usingDevice, type TargetRequest, type RunDevice } from './devices.ts';
import { runPhases, type PhasesEnd } from './local-phases.ts';
import { isWriting, pageCacheOf, remoteRoleOf, type Order } from './order.ts';
import { beginRecording, marksAtEnd, requireCorrect, type EndMarks } from './recording.ts';
import { accessPathOf, deviceReportOf, readPathOf } from './run-reporter.ts';
import { coveredBytes } from './sizes.ts';
import { pairIdOf, removeOlderBases } from './source-base.ts';
import { unexpected } from './unexpected.ts';

/** What the local end of a session needs. */
export interface LocalEnd extends PhasesEnd {
  /** `one`: the agent's end is in this process. Left out: on another host. */
  readonly hosts?: 'one' | 'two';
  readonly laneOpener: LaneOpener;
  /** Whether the agent is to serve a further run after this one. Left out: once. */
  readonly linkUse?: 'once' | 'again';
}

/**
 * The whole run, seen from the user's host:
 *
 *     local                                  agent
 *       │ open (path, role) ──────────────────▶│ opens its device
 *       │◀───────────────────── opened | failure│
 *       │ begin (plan) ───────────────────────▶│ ┐ once per phase; the conversation
 *       │◀───────── source ⇄ target ──────────▶│ ┘ in between is shown above Source
 *       │ bye ────────────────────────────────▶│ closes its device
 *       │◀───────────────────── closed | failure│ ends
 *
 * A local source starts reading before the agent has answered. It knows the plan, because the size is its own. It waits for
 * the answer if only a part is to be examined.
 *
 * @throws {BasynError} the first failure on either side.
 */
export async function runLocalEnd(end: LocalEnd): Promise<void> {
  const { order, channel, reporter } = end;
  channel.onFlush((whose) => reporter.flushing(whose === 'ours' ? 'local' : 'remote'));
  await (order.localRole === 'source' ? runAsSource(end) : runAsTarget(end));
}

/** Opens both devices and returns what they are, without reading any data. */
export async function inspectBoth(end: LocalEnd): Promise<{ local: DeviceReport; remote: DeviceReport }> {
  const { order, runner } = end;
  sendOpen(end, null);
  return usingDevice(await openLocal(end, null), runner, async (local) => {
    const remote = await expectOpened(end);
    await sayGoodbye(end);
    return { local: deviceReportOf(local.handle), remote: remoteReportOf(order, remote) };
  });
}

async function runAsSource(end: LocalEnd): Promise<void> {
  const { order, reporter, runner, recorder } = end;
  const marks = await usingDevice(await openLocal(end, null), runner, async (local) => {
    traceDevice(end.channel.trace, local);
    const changes = requireSameLocal(end, local);
    sendOpen(end, targetRequestOf(order, local.handle.sizeBytes, local.identity));
    const opening = expectOpened(end).then(async (opened) => {
      reporter.warn([...local.warnings, ...opened.warnings, ...changes, ...requireSameRemote(end, opened)]);
      reporter.start(deviceReportOf(local.handle), remoteReportOf(order, opened), {
        source: readPathOf(local),
        survey: accessPathOf(local.surveyView),
        sent: accessPathOf(local.sendView),
        target: remoteReadPathOf(opened),
      });
      reporter.note([...local.notes, ...(opened.notes ?? [])]);
      const sourceBytes = local.handle.sizeBytes;
      const sizeBytes = coveredBytes(order, { sourceBytes, targetBytes: opened.sizeBytes });
      if (recorder !== undefined)
        await beginRecording(recorder, order, { local, opened, sizeBytes }, reporter);
      await measureRoundTrip(end, opened, sizeBytes);
      return { sizeBytes, omitZeros: opened.omitZeros, newFromBytes: opened.newFromBytes };
    });
    // A transfer covers the source. What a recheck covers depends on both sizes, so it has to wait for the peer.
    const sizeBytes = isWriting(order) ? local.handle.sizeBytes : (await opening).sizeBytes;
    await runPhases(end, local, sizeBytes, opening);
    // An earlier attempt may have ended all phases.
    await opening;
    return (await finish(end, local)).marks;
  });
  reporter.warn(end.snapshots?.warnings ?? []);
  await endRecording(end, marks, end.snapshots?.base);
}

async function runAsTarget(end: LocalEnd): Promise<void> {
  const { order, reporter, runner, recorder } = end;
  sendOpen(end, null);
  const opened = await expectOpened(end);
  requireRanges(order, opened);
  const changes = requireSameRemote(end, opened);
  const targetRequest = targetRequestOf(order, opened.sizeBytes, parseIdentity(opened.identity));
  const { marks, base } = await usingDevice(await openLocal(end, targetRequest), runner, async (local) => {
    traceDevice(end.channel.trace, local);
    reporter.warn([...opened.warnings, ...local.warnings, ...changes, ...requireSameLocal(end, local)]);
    reporter.start(remoteReportOf(order, opened), deviceReportOf(local.handle), {
      source: remoteReadPathOf(opened),
      survey: opened.surveysDirectly === true ? 'direct' : 'cached',
      sent: opened.sendsDirectly === true ? 'direct' : 'cached',
      target: readPathOf(local),
    });
    reporter.note([...(opened.notes ?? []), ...local.notes]);
    const targetBytes = local.handle.sizeBytes;
    const sizeBytes = coveredBytes(order, { sourceBytes: opened.sizeBytes, targetBytes });
    if (recorder !== undefined) await beginRecording(recorder, order, { local, opened, sizeBytes }, reporter);
    await measureRoundTrip(end, opened, sizeBytes);
    const { newFromBytes } = local;
    const { reportsRanges } = opened;
    const opening = Promise.resolve({ omitZeros: local.zeros === 'skip', newFromBytes, reportsRanges });
    await runPhases(end, local, sizeBytes, opening);
    return finish(end, local);
  });
  await endRecording(end, marks, base);
}

/** What is known when the agent has closed its device. */
interface Ending {
  readonly marks: EndMarks;
  /** What the agent has kept of its source. */
  readonly base: unknown;
}

async function finish(end: LocalEnd, local: RunDevice): Promise<Ending> {
  const { order, channel, reporter, recorder, snapshots } = end;
  reporter.warn(await local.checkAtEnd());
  if (recorder !== undefined) await requireCorrect(recorder);
  const pairId = pairIdOf(end);
  if (pairId !== undefined && order.localRole === 'source') snapshots?.keepFor(pairId);
  if (pairId !== undefined && order.localRole === 'target') channel.send({ type: 'keep', pairId });
  const { marks, base } = await sayGoodbye(end);
  return { marks: await marksAtEnd(recorder, order, local, marks), base };
}

/** Keeps what the state file has learned. Both devices are closed. */
async function endRecording(end: LocalEnd, marks: EndMarks, base: unknown): Promise<void> {
  if (end.recorder === undefined) return;
  await end.recorder.end(marks, base ?? null);
  if (base !== undefined) await removeOlderBases(end);
}

/**
 * Ends the phases. Only the agent knows whether its device could be closed and whether the path still leads to it.
 * The run has succeeded when the agent says so. How the agent's process exits after that does not matter.
 *
 * @returns what the run asked for: what was written to its device, and the base that it has kept.
 */
export async function sayGoodbye({ channel, reporter }: LocalEnd): Promise<ClosedMessage> {
  channel.send({ type: 'bye' });
  const message = await channel.next();
  if (message.type !== 'closed') throw unexpected(message);
  reporter.warn(message.warnings);
  reporter.clock.remoteMeasured(message.times);
  return message;
}

/** @throws {BasynError} `device`, where a device is not the one of the first attempt. Nothing has been written then. */
function requireSameLocal(end: LocalEnd, { handle, identity, newFromBytes, snapshot }: RunDevice): string[] {
  const { order } = end;
  return requireSame(end, {
    ...deviceReportOf(handle),
    role: order.localRole,
    lasting: lastingIdentityOf(handle),
    fingerprint: identity.fingerprint,
    snapshot: snapshot?.uuid,
    newFromBytes,
  });
}

/** The same for the agent's device. */
function requireSameRemote(end: LocalEnd, opened: OpenedMessage): string[] {
  const { order } = end;
  return requireSame(end, {
    ...remoteReportOf(order, opened),
    role: remoteRoleOf(order),
    lasting: opened.lasting,
    fingerprint: parseIdentity(opened.identity).fingerprint,
    snapshot: opened.snapshot,
    newFromBytes: opened.newFromBytes,
  });
}

function requireSame({ continuity, reporter }: LocalEnd, device: SeenDevice): string[] {
  if (continuity === undefined) return [];
  const { warnings, startsAgain } = continuity.requireSame(device);
  if (startsAgain) reporter.startAgain();
  return warnings;
}

function openLocal(
  { order, hosts = 'two', channel, continuity, recorder, snapshots }: LocalEnd,
  request: TargetRequest | null,
): Promise<RunDevice> {
  const { localPath, phases, readBytesPerSecond } = order;
  const pageCache = pageCacheOf(order);
  const location = { side: 'local', hosts } as const;
  const targetRequest = requestOfAttempt(request, 'local', continuity);
  const marks = recorder === undefined ? {} : ({ marks: 'read' } as const);
  const use = { phases, targetRequest, readBytesPerSecond, pageCache, snapshots, ...marks };
  return openDevice(localPath, location, use, () => channel.announceFlush());
}

/**
 * A target that an earlier attempt has opened must not be created again: its file system may not be mounted now. It must
 * not be extended again either: a file that has become shorter has lost what an earlier attempt has written.
 */
function requestOfAttempt(
  request: TargetRequest | null,
  side: Side,
  continuity: Continuity | undefined,
): TargetRequest | null {
  const isThere = continuity?.hasSeen(side) === true;
  return request === null || !isThere || request.dryRun
    ? request
    : { ...request, create: false, grow: false };
}

export function sendOpen(
  { order, channel, continuity, recorder, linkUse }: LocalEnd,
  targetRequest: TargetRequest | null,
): void {
  const { remotePath: path, peerTimeoutMs, laneCount, phases, readBytesPerSecond, cache, snapshot } = order;
  const isReading = remoteRoleOf(order) === 'source';
  channel.send({
    type: 'open',
    protocol: protocolVersion,
    path,
    role: remoteRoleOf(order),
    receiving: requestOfAttempt(targetRequest, 'remote', continuity),
    phases: [...phases],
    lanes: laneCount > 1,
    peerTimeoutMs,
    ...(channel.trace !== undefined && { trace: true }),
    ...(continuity !== undefined && { run: continuity.run }),
    ...(cache === true && { cache }),
    ...(isReading && snapshot !== undefined && { snapshot }),
    ...(recorder !== undefined && { marks: true }),
    ...(readBytesPerSecond !== undefined && { readBytesPerSecond }),
    ...(linkUse === 'again' && { again: true }),
  });
}

export async function expectOpened({ order, channel }: LocalEnd): Promise<OpenedMessage> {
  const message = await channel.next();
  if (message.type !== 'opened') throw unexpected(message);
  requireSnapshot(order, message);
  if (message.again === true) channel.learnReuse();
  if (order.laneCount === 1 || message.lanes === null) channel.useOneLane();
  return message;
}

/** A peer that does not know the field would read the source itself. */
function requireSnapshot({ localRole, snapshot }: Order, opened: OpenedMessage): void {
  if (localRole === 'source' || snapshot === undefined || opened.snapshot !== undefined) return;
  throw new BasynError('protocol', 'The peer reads the source itself, and not a snapshot of it.');
}

/** Nothing else would tell a local target what differs. */
function requireRanges({ needsRanges }: Order, { reportsRanges }: OpenedMessage): void {
  if (needsRanges !== true || reportsRanges === true) return;
  throw new BasynError(
    'refused',
    'The program on the remote host is of an earlier version, which does not report the ranges that differ.',
    { side: 'remote' },
  );
}

/**
 * The round-trip time decides on lanes and compression. Measure it before data queues. A run that moves no data does not
 * need it. A copy moves a known amount of data, so its lanes are opened at once.
 */
async function measureRoundTrip(
  { order, channel, laneOpener }: LocalEnd,
  { lanes: laneAddress }: OpenedMessage,
  sizeBytes: number,
): Promise<void> {
  if (order.dryRun || !isWriting(order)) return;
  // An earlier run over the same link has measured it.
  const known = channel.speed.roundTripMs;
  const roundTripMs = known ?? (await channel.measureRoundTripMs(tuning.longRoundTripMs));
  laneOpener.watch(laneAddress, roundTripMs, order.phases.includes('copy') ? sizeBytes : 0);
}

function remoteReadPathOf({ cachedBecause }: OpenedMessage): ReadPath {
  return readPathOf({ cachedBecause: cachedBecause ?? undefined });
}

function remoteReportOf({ remotePath: path }: Order, { kind, sizeBytes }: OpenedMessage): DeviceReport {
  return { side: 'remote', path, kind, sizeBytes };
}
