import { lastingIdentityOf, parseIdentity, type ContentMarks } from '../device/device.ts';
import type { Extent } from '../digest/extent.ts';
import type { Geometry } from '../digest/geometry.ts';
import type { Side } from '../errors.ts';
import { tuning } from '../limits.ts';
import type { Channel } from '../link/channel.ts';
import type { OpenedMessage } from '../protocol/messages.ts';
import type { JobRunner } from '../workers/jobs.ts';
import type { LaneOpener } from '../link/lane-opener.ts';
import type { Continuity } from './continuity.ts';
import { openDevice, targetRequestOf, usingDevice, type TargetRequest, type RunDevice } from './devices.ts';
import { isWriting, pageCacheOf, planOf, type Order, type Role } from './order.ts';
import type { Plan } from '../protocol/schemas.ts';
import type { DeviceReport, PhaseCounts, PhaseName, ReadPath } from '../report.ts';
import type { Recorder } from '../state-file/recorder.ts';
import { traceDevice } from './device-trace.ts';
import { coverageOfRole, type PhaseSelector, type Selection } from './selection.ts';
import { beginRecording, distrustRecord, endRecording, selectionWith } from './recording.ts';
import { sendCovers } from './covers.ts';
import { examinedBytesIn, geometryOfPlan } from './phase.ts';
import { deviceReportOf, readPathOf, surveyPathOf, type RunReporter } from './run-reporter.ts';
import { playRole } from './role.ts';
import { coveredBytes } from './sizes.ts';
import { unexpected } from './unexpected.ts';

/** What the local end of a session needs. */
export interface LocalEnd {
  readonly order: Order;
  /** `one`: the agent's end is in this process. Left out: on another host. */
  readonly hosts?: 'one' | 'two';
  readonly channel: Channel;
  readonly runner: JobRunner;
  readonly reporter: RunReporter;
  readonly laneOpener: LaneOpener;
  /** What this attempt has in common with the others. Undefined where a run has one attempt only. */
  readonly continuity?: Continuity | undefined;
  /** Undefined where every phase examines everything. */
  readonly select?: PhaseSelector | undefined;
  /** Undefined in a run without a state file. */
  readonly recorder?: Recorder | undefined;
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
  return usingDevice(await openLocal(end, null), runner, async (local) => {
    traceDevice(end.channel.trace, local);
    const changes = requireSameLocal(end, local);
    sendOpen(end, targetRequestOf(order, local.handle.sizeBytes, local.identity));
    const opening = expectOpened(end).then(async (opened) => {
      reporter.warn([...local.warnings, ...opened.warnings, ...changes, ...requireSameRemote(end, opened)]);
      reporter.start(deviceReportOf(local.handle), remoteReportOf(order, opened), {
        source: readPathOf(local),
        survey: surveyPathOf(local.surveyView),
        target: remoteReadPathOf(opened),
      });
      reporter.note([...local.notes, ...(opened.notes ?? [])]);
      const sourceBytes = local.handle.sizeBytes;
      const sizeBytes = coveredBytes(order, { sourceBytes, targetBytes: opened.sizeBytes });
      if (recorder !== undefined)
        await beginRecording(recorder, order, { local, opened, sizeBytes }, reporter);
      await measureRoundTrip(end, opened, sizeBytes);
      return { sizeBytes, omitZeros: opened.omitZeros };
    });
    // A transfer covers the source. What a recheck covers depends on both sizes, so it has to wait for the peer.
    if (end.select !== undefined || recorder !== undefined) await opening;
    const sizeBytes = isWriting(order) ? local.handle.sizeBytes : (await opening).sizeBytes;
    const omitZeros = opening.then((opened) => opened.omitZeros === true);
    return runPhases(end, local, sizeBytes, omitZeros);
  });
}

async function runAsTarget(end: LocalEnd): Promise<void> {
  const { order, reporter, runner, recorder } = end;
  sendOpen(end, null);
  const opened = await expectOpened(end);
  const changes = requireSameRemote(end, opened);
  const targetRequest = targetRequestOf(order, opened.sizeBytes, parseIdentity(opened.identity));
  return usingDevice(await openLocal(end, targetRequest), runner, async (local) => {
    traceDevice(end.channel.trace, local);
    reporter.warn([...opened.warnings, ...local.warnings, ...changes, ...requireSameLocal(end, local)]);
    reporter.start(remoteReportOf(order, opened), deviceReportOf(local.handle), {
      source: remoteReadPathOf(opened),
      survey: opened.surveysDirectly === true ? 'direct' : 'cached',
      target: readPathOf(local),
    });
    reporter.note([...(opened.notes ?? []), ...local.notes]);
    const targetBytes = local.handle.sizeBytes;
    const sizeBytes = coveredBytes(order, { sourceBytes: opened.sizeBytes, targetBytes });
    if (recorder !== undefined) await beginRecording(recorder, order, { local, opened, sizeBytes }, reporter);
    await measureRoundTrip(end, opened, sizeBytes);
    return runPhases(end, local, sizeBytes, Promise.resolve(local.zeros === 'skip'));
  });
}

/** @param opening resolves when both devices are open, with whether zeros may be left out of a copy. */
async function runPhases(
  end: LocalEnd,
  device: RunDevice,
  sizeBytes: number,
  opening: Promise<boolean>,
): Promise<void> {
  const { order, reporter, continuity, recorder } = end;
  for (const name of continuity?.phasesLeft(order.phases) ?? order.phases) {
    let counts = await runPhase(end, device, sizeBytes, { name, opening });
    if (recorder !== undefined && recorder.mistakes > 0 && name !== 'recheck') {
      reporter.phaseEnd(counts);
      reporter.warn([await distrustRecord(recorder)]);
      continuity?.beginPhaseAgain();
      counts = await runPhase(end, device, sizeBytes, { name, opening });
    }
    reporter.phaseEnd(continuity?.phaseEnded(counts) ?? counts);
  }
  reporter.warn(device.checkAtEnd());
  const remoteMarks = await sayGoodbye(end);
  if (recorder !== undefined) await endRecording(recorder, order, device, remoteMarks);
}

interface PhaseToRun {
  readonly name: PhaseName;
  readonly opening: Promise<boolean>;
}

async function runPhase(
  end: LocalEnd,
  device: RunDevice,
  sizeBytes: number,
  { name, opening }: PhaseToRun,
): Promise<PhaseCounts> {
  const { order, channel, runner, reporter, continuity, recorder } = end;
  const { localRole } = order;
  const whole = planOf(order, name, sizeBytes, channel.throughput.roundTripMs);
  const continued = continuity?.continued(whole) ?? whole;
  // A local source learns later whether zeros may be left out.
  const omitsZeros = localRole === 'target' && device.zeros === 'skip';
  const selection = await selectionOf(end, name, geometryOfPlan(whole));
  const plan: Plan = {
    ...continued,
    ...(omitsZeros && { omitZeros: true }),
    ...(selection !== undefined && { covered: true }),
    ...(recorder !== undefined && name !== 'recheck' && { recorded: true }),
  };
  if (selection !== undefined) sendCovers(channel, coverageOfRole(selection, remoteRoleOf(order)));
  const examinedBytes = selection && examinedBytesIn(selection, plan);
  channel.send({ type: 'begin', ...plan });
  const starting = opening.then((omitZeros) => ({
    onProgress: reporter.phaseStart(name, sizeBytes, examinedBytes),
    omitZeros,
  }));
  // The role awaits this later. Until then, a refusal must not count as an unhandled rejection.
  starting.catch(() => undefined);
  const onUnreadable = (range: Extent): void => reporter.unreadable(name, range);
  const { counts, notes } = await playRole(
    { role: localRole, plan, selection, device, channel, runner, recorder },
    { starting, onUnreadable, resumption: continuity },
  );
  reporter.note(notes);
  // A source that is the agent lists them at the end.
  if (localRole === 'target') counts.unreadableRanges?.forEach(onUnreadable);
  return counts;
}

/** What the phase examines: all that the caller selects, and all that the state file does not know. */
async function selectionOf(
  { order, select, recorder }: LocalEnd,
  phase: PhaseName,
  geometry: Geometry,
): Promise<Selection | undefined> {
  const listed = await select?.({ phase, geometry });
  if (recorder === undefined || phase !== 'sync') return listed;
  return selectionWith(recorder, listed, order.localRole, geometry);
}

/**
 * Ends the conversation. Only the agent knows whether its device could be closed and whether the path still leads to it.
 * The run has succeeded when the agent says so. How the agent's process exits after that does not matter.
 *
 * @returns what was written to its device, if the run asked for it.
 */
export async function sayGoodbye({ channel, reporter }: LocalEnd): Promise<ContentMarks | undefined> {
  channel.send({ type: 'bye' });
  const message = await channel.next();
  if (message.type !== 'closed') throw unexpected(message);
  reporter.warn(message.warnings);
  return message.marks;
}

/** @throws {BasynError} `device`, where a device is not the one of the first attempt. Nothing has been written then. */
function requireSameLocal({ order, continuity }: LocalEnd, { handle, identity }: RunDevice): string[] {
  if (continuity === undefined) return [];
  return continuity.requireSame({
    ...deviceReportOf(handle),
    role: order.localRole,
    lasting: lastingIdentityOf(handle),
    fingerprint: identity.fingerprint,
  });
}

/** The same for the agent's device. */
function requireSameRemote({ order, continuity }: LocalEnd, opened: OpenedMessage): string[] {
  if (continuity === undefined) return [];
  return continuity.requireSame({
    ...remoteReportOf(order, opened),
    role: remoteRoleOf(order),
    lasting: opened.lasting,
    fingerprint: parseIdentity(opened.identity).fingerprint,
  });
}

function openLocal(
  { order, hosts = 'two', channel, continuity, recorder }: LocalEnd,
  request: TargetRequest | null,
): Promise<RunDevice> {
  const { localPath, phases, readBytesPerSecond } = order;
  const pageCache = pageCacheOf(order);
  const location = { side: 'local', hosts } as const;
  const targetRequest = requestOfAttempt(request, 'local', continuity);
  const marks = recorder === undefined ? {} : ({ marks: 'read' } as const);
  const use = { phases, targetRequest, readBytesPerSecond, pageCache, ...marks };
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

function remoteRoleOf({ localRole }: Order): Role {
  return localRole === 'source' ? 'target' : 'source';
}

export function sendOpen(
  { order, channel, continuity, recorder }: LocalEnd,
  targetRequest: TargetRequest | null,
): void {
  const { remotePath: path, peerTimeoutMs, laneCount, phases, readBytesPerSecond, cache } = order;
  channel.send({
    type: 'open',
    protocol: 2,
    path,
    role: remoteRoleOf(order),
    receiving: requestOfAttempt(targetRequest, 'remote', continuity),
    phases: [...phases],
    lanes: laneCount > 1,
    peerTimeoutMs,
    ...(channel.trace !== undefined && { trace: true }),
    ...(continuity !== undefined && { run: continuity.run }),
    ...(cache === true && { cache }),
    ...(recorder !== undefined && { marks: true }),
    ...(readBytesPerSecond !== undefined && { readBytesPerSecond }),
  });
}

export async function expectOpened({ order, channel }: LocalEnd): Promise<OpenedMessage> {
  const message = await channel.next();
  if (message.type !== 'opened') throw unexpected(message);
  if (order.laneCount === 1 || message.lanes === null) channel.useOneLane();
  return message;
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
  const roundTripMs = await channel.measureRoundTripMs(tuning.longRoundTripMs);
  laneOpener.watch(laneAddress, roundTripMs, order.phases.includes('copy') ? sizeBytes : 0);
}

function remoteReadPathOf({ cachedBecause }: OpenedMessage): ReadPath {
  return readPathOf({ cachedBecause: cachedBecause ?? undefined });
}

function remoteReportOf({ remotePath: path }: Order, { kind, sizeBytes }: OpenedMessage): DeviceReport {
  return { side: 'remote', path, kind, sizeBytes };
}
