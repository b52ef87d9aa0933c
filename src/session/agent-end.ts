import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../clock.ts';
import {
  lastingIdentityOf,
  parseIdentity,
  type ContentMarks,
  type Location,
  type Reach,
} from '../device/device.ts';
import { assert, BasynError, type ErrorRecord, type Remedy, type Side } from '../errors.ts';
import { bounds, tuning } from '../limits.ts';
import type { Channel } from '../link/channel.ts';
import type { LaneAddress, RunAttempt } from '../protocol/schemas.ts';
import type {
  BeginMessage,
  ClosedMessage,
  FailureMessage,
  KeepMessage,
  Message,
  OpenMessage,
} from '../protocol/messages.ts';
import type { JobRunner } from '../workers/jobs.ts';
import { traceDevice } from './device-trace.ts';
import { Covers } from './covers.ts';
import { factsTo } from './extent-facts.ts';
import { openDevice, usingDevice, type DeviceUse, type TargetRequest, type RunDevice } from './devices.ts';
import { pageCacheOf } from './order.ts';
import { windowBuffersOf } from './window.ts';
import { playRole } from './play-role.ts';
import { RunSnapshots } from './run-snapshots.ts';
import { answerSince } from './source-base.ts';
import { SideMeter, type SideTimes } from './side-times.ts';
import type { StageTimes } from './stage-times.ts';
import { unexpected } from './unexpected.ts';

/** What the agent's end needs of its process. */
export interface AgentHost {
  /** `one`: the local side is on this host as well. */
  readonly hosts: 'one' | 'two';
  /** How messages name the side of the device. Left out: remote. */
  readonly side?: Side;
  /** Starts accepting further lanes. Resolves with their address, or with `null` where that is impossible. */
  readonly listenForLanes: () => Promise<LaneAddress | null>;
  /** Ends the agents of earlier attempts. Resolves when none of them can write any more. */
  readonly endPredecessors: (run: RunAttempt, timeoutMs: number) => Promise<void>;
  /** Left out: the local side may ask for everything. */
  readonly policy?: AgentPolicy;
}

/** What the local side may ask for. */
export interface AgentPolicy {
  /**
   * Decides about a request before anything else is done for it.
   *
   * @returns how the device is reached: its path must not be followed again.
   * @throws {BasynError} `refused`, where the request is not allowed; `device`, where that can't be determined.
   */
  readonly admit: (open: OpenMessage) => Reach;
  /** What the policy does not allow anyway, so that no error suggests it. */
  readonly withheld: readonly Remedy[];
  /** A peer that is silent for longer is given up, whatever it asks for. */
  readonly longestPeerTimeoutMs: number;
}

/**
 * The whole run, seen from the remote host: the other half of {@link runLocalEnd}. Resolves after `bye`, when the device
 * is closed and `closed` has been sent.
 *
 * @returns whether a further run may follow.
 * @throws {BasynError} the first failure. A failure on this side has been sent to the peer.
 */
export async function serveAgentEnd(
  channel: Channel,
  runner: JobRunner,
  host: AgentHost,
): Promise<'over' | 'again'> {
  try {
    const open = await channel.next();
    if (open.type !== 'open') throw unexpected(open);
    const meter = new SideMeter(runner, host.side ?? 'remote');
    const reach = host.policy?.admit(open);
    if (open.trace === true) channel.sendTrace();
    const peerTimeoutMs = Math.min(open.peerTimeoutMs, host.policy?.longestPeerTimeoutMs ?? Infinity);
    if (!channel.isWatched) channel.watch(peerTimeoutMs, () => runner.isBusy);
    if (open.run !== undefined) await host.endPredecessors(open.run, peerTimeoutMs);
    const snapshots = snapshotsOf(open);
    const { warnings, marks } = await serveDevice({
      open,
      reach,
      snapshots,
      channel,
      runner,
      host,
      stages: meter.stages,
    });
    // A conversation that has failed since `bye` carries no `closed`: the peer has to learn of the failure.
    if (channel.failure !== undefined) throw channel.failure;
    const base = snapshots?.base;
    const { times } = meter;
    sendClosed(channel, [...warnings, ...(snapshots?.warnings ?? [])], {
      ...(times && { times: rounded(times) }),
      ...(marks && { marks }),
      ...(base !== undefined && { base }),
    });
    if (snapshots !== undefined && base !== undefined) await awaitRecord(channel, snapshots);
    return open.again === true ? 'again' : 'over';
  } catch (thrown) {
    const error = BasynError.from(thrown);
    const isWithheld = error.remedy !== undefined && host.policy?.withheld.includes(error.remedy) === true;
    const { remedy, ...record } = error.toRecord();
    channel.send(failureOf(isWithheld || remedy === undefined ? record : { ...record, remedy }));
    throw error;
  }
}

/** The base of the last run is needed until the new one is recorded. */
async function awaitRecord(channel: Channel, snapshots: RunSnapshots): Promise<void> {
  const message = await channel.next();
  if (message.type !== 'recorded') throw unexpected(message);
  sendClosed(channel, await snapshots.removeOtherBases(), {});
}

function sendClosed(
  channel: Channel,
  warnings: readonly string[],
  facts: Pick<ClosedMessage, 'marks' | 'base' | 'times'>,
): void {
  channel.send({ type: 'closed', warnings: warnings.map(shortened), ...facts });
}

/** Whether another attempt may succeed is for the local side to decide. */
function failureOf({ code, message, retryable: _retryable, ...place }: ErrorRecord): FailureMessage {
  assert(code !== 'usage', `the agent failed with "${code}"`);
  return { type: 'failure', code, message: shortened(message), ...place };
}

function rounded({ diskMs, processorMs, exchangeMs, dataMs }: SideTimes): SideTimes {
  return {
    diskMs: Math.round(diskMs),
    processorMs: Math.round(processorMs),
    exchangeMs: Math.round(exchangeMs),
    dataMs: Math.round(dataMs),
  };
}

function shortened(text: string): string {
  return text.slice(0, bounds.maxErrorMessageCharacters);
}

/** What the agent reports about its device at the end. */
interface DeviceEnd {
  readonly warnings: readonly string[];
  readonly marks: ContentMarks | undefined;
}

/** What an agent's end works with. */
interface Service {
  readonly open: OpenMessage;
  /** Undefined where the path of the device is followed. */
  readonly reach: Reach | undefined;
  /** Undefined where the device itself is read. */
  readonly snapshots: RunSnapshots | undefined;
  readonly channel: Channel;
  readonly runner: JobRunner;
  readonly host: AgentHost;
  readonly stages: StageTimes;
}

/** Serves all phases. Resolves when the device is closed. */
async function serveDevice({
  open,
  reach,
  snapshots,
  channel,
  runner,
  host,
  stages,
}: Service): Promise<DeviceEnd> {
  const { listenForLanes, hosts, side = 'remote' } = host;
  const location = { side, hosts, ...(reach && { reach }) };
  return usingDevice(await openPatiently(open, snapshots, channel, location), runner, async (device) => {
    traceDevice(channel.trace, device);
    const { handle, identity, warnings, notes, zeros, cachedBecause = null } = device;
    const { kind, sizeBytes } = handle;
    const laneAddress = open.lanes ? await listenForLanes() : null;
    if (laneAddress === null) channel.useOneLane();
    channel.send({
      type: 'opened',
      kind,
      sizeBytes,
      identity,
      warnings: warnings.map(shortened),
      notes: notes.map(shortened),
      ...(device.surveyView.access === 'direct' && { surveysDirectly: true }),
      ...(device.sendView.access === 'direct' && { sendsDirectly: true }),
      cachedBecause,
      lanes: laneAddress,
      ...(zeros === 'skip' && { omitZeros: true }),
      ...(device.newFromBytes !== undefined && { newFromBytes: device.newFromBytes }),
      ...(open.run !== undefined && { lasting: lastingIdentityOf(handle) }),
      ...(device.snapshot !== undefined && { snapshot: device.snapshot.uuid }),
      ...(device.marks && { marks: device.marks }),
      ...(open.again === true && { again: true }),
      ...(open.role === 'source' && { reportsRanges: true as const }),
    });
    const covers = new Covers();
    for (;;) {
      const message = await channel.next();
      if (message.type === 'bye') {
        const warnings = await device.checkAtEnd();
        return { warnings, marks: open.marks === true ? await device.marksNow() : undefined };
      }
      await serve(message, { open, snapshots, device, channel, runner, covers, stages });
    }
  });
}

/** A helper program of an earlier agent may still have the device open for a moment. */
async function openPatiently(
  open: OpenMessage,
  snapshots: RunSnapshots | undefined,
  channel: Channel,
  location: Location,
): Promise<RunDevice> {
  const { phases, readBytesPerSecond } = open;
  const targetRequest = targetRequestOf(open);
  const use: DeviceUse = {
    phases,
    targetRequest,
    readBytesPerSecond,
    pageCache: pageCacheOf(open),
    snapshots,
    ...(open.marks === true && { marks: 'read' }),
  };
  const attempt = open.run?.attempt ?? 1;
  const endMs = monotonicMs() + (attempt === 1 ? 0 : bounds.predecessorHelperMs);
  for (;;) {
    try {
      return await openDevice(open.path, location, use, () => channel.announceFlush());
    } catch (error) {
      const isInUse = error instanceof BasynError && error.remedy === 'force';
      if (!isInUse || monotonicMs() > endMs) throw error;
      await sleep(tuning.predecessorPollMs);
    }
  }
}

/** If the link fails in a run that may have several attempts, the snapshot waits for the next one. */
function snapshotsOf({ snapshot, role, run }: OpenMessage): RunSnapshots | undefined {
  if (snapshot === undefined) return undefined;
  if (role !== 'source') throw new BasynError('protocol', 'The local side wants a snapshot of the target.');
  return new RunSnapshots({
    sizeBytes: snapshot.sizeBytes,
    runToken: run?.token,
    mayContinue: ({ code }) => run !== undefined && code === 'connection',
  });
}

/** The local side reports the progress. */
const ignoreProgress = (): void => undefined;

/** What the agent works with while its device is open. */
interface Serving extends Omit<Service, 'host' | 'reach'> {
  readonly device: RunDevice;
  readonly covers: Covers;
}

/** Serves one message between two phases, and the phase that it begins. */
async function serve(message: Message, serving: Serving): Promise<void> {
  if (message.type === 'cover') serving.covers.add(message);
  else if (message.type === 'since') await answerSince(serving.channel, message, serving.device);
  else if (message.type === 'keep') keepSnapshot(message, serving);
  else if (message.type === 'begin') await servePhase(message, serving);
  else throw unexpected(message);
}

function keepSnapshot({ pairId }: KeepMessage, { snapshots }: Serving): void {
  if (snapshots === undefined)
    throw new BasynError('protocol', 'The local side keeps a snapshot that is not there.');
  snapshots.keepFor(pairId);
}

async function servePhase(
  { type: _type, ...plan }: BeginMessage,
  { open, device, channel, runner, covers, stages }: Serving,
): Promise<void> {
  const writes = plan.phase !== 'recheck' && !plan.dryRun;
  const mayWrite = open.receiving !== null && !open.receiving.dryRun;
  const isAllowed =
    open.phases.includes(plan.phase) &&
    plan.sizeBytes <= device.handle.sizeBytes &&
    plan.windowBuffers <= windowBuffersOf(plan.bufferBytes, plan.chunkBytes, plan.hash) &&
    (open.role === 'source' || mayWrite || !writes);
  if (!isAllowed) {
    throw new BasynError('protocol', 'The local side began a phase that the open device does not allow.');
  }
  const coverage = covers.takeFor(plan);
  if (plan.roundTripMs !== null) channel.learnRoundTripMs(plan.roundTripMs);
  if (plan.linkBytesPerSecond !== undefined) channel.learnLimit(plan.linkBytesPerSecond);
  const start = { onProgress: ignoreProgress, omitZeros: plan.omitZeros === true };
  // A source reports what it can't read at the end of the phase.
  const ignoreRange = (): void => undefined;
  await playRole(
    { role: open.role, plan, selection: coverage && { coverage }, device, channel, runner },
    {
      starting: Promise.resolve(start),
      onUnreadable: ignoreRange,
      times: stages,
      ...(plan.reportRanges === true && open.role === 'source' && { facts: factsTo(channel) }),
    },
  );
}

function targetRequestOf({ receiving }: OpenMessage): TargetRequest | null {
  if (receiving === null) return null;
  return { ...receiving, sourceIdentity: parseIdentity(receiving.sourceIdentity) };
}
