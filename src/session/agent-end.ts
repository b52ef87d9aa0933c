import { parseIdentity } from '../device/device.ts';
import { assert, BasynError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Channel } from '../link/channel.ts';
import type { LaneAddress } from '../protocol/schemas.ts';
import type { BeginMessage, FailureMessage, OpenMessage } from '../protocol/messages.ts';
import type { JobRunner } from '../workers/jobs.ts';
import { openDevice, usingDevice, type Receiving, type RunDevice } from './devices.ts';
import { windowBuffersOf } from './phase.ts';
import { playRole } from './role.ts';
import { unexpected } from './unexpected.ts';

/** Begins to accept further lanes. Resolves with where, or with `null` where that is impossible. */
export type ListenForLanes = () => Promise<LaneAddress | null>;

/**
 * The whole run, seen from the remote machine: the other half of {@link runLocalEnd}. Resolves after `bye`, when the
 * device is closed and the local side has been told so.
 *
 * @throws {BasynError} the first failure; where it is ours, the local side has been told.
 */
export async function serveAgentEnd(
  channel: Channel,
  runner: JobRunner,
  listenForLanes: ListenForLanes,
): Promise<void> {
  try {
    const open = await channel.next();
    if (open.type !== 'open') throw unexpected(open);
    channel.watch(open.peerTimeoutMs, () => runner.isBusy);
    const warnings = await serveDevice(open, channel, runner, listenForLanes);
    channel.send({ type: 'closed', warnings: warnings.map(shortened) });
  } catch (thrown) {
    const error = BasynError.from(thrown);
    channel.send(failureOf(error));
    throw error;
  }
}

function failureOf(error: BasynError): FailureMessage {
  const { code, message, ...place } = error.toRecord();
  assert(code !== 'usage', `the agent failed with "${code}"`);
  return { type: 'failure', code, message: shortened(message), ...place };
}

function shortened(text: string): string {
  return text.slice(0, limits.maxErrorMessageCharacters);
}

/** Serves all phases. Resolves when the device is closed, with what was found out about it at the end, for the user. */
async function serveDevice(
  open: OpenMessage,
  channel: Channel,
  runner: JobRunner,
  listenForLanes: ListenForLanes,
): Promise<readonly string[]> {
  const use = { phases: open.phases, receiving: receivingOf(open) };
  const opened = await openDevice(open.path, 'remote', use, () => channel.announceFlush());
  return usingDevice(opened, runner, async (device) => {
    const { handle, identity, warnings, notes, cachedBecause = null } = device;
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
      cachedBecause,
      lanes: laneAddress,
    });
    for (;;) {
      const message = await channel.next();
      if (message.type === 'bye') return device.checkAtEnd();
      if (message.type !== 'begin') throw unexpected(message);
      await servePhase(open, message, device, channel, runner);
    }
  });
}

/** Progress is shown where the person is. */
const shownElsewhere = (): void => undefined;

async function servePhase(
  open: OpenMessage,
  { type: _type, ...plan }: BeginMessage,
  device: RunDevice,
  channel: Channel,
  runner: JobRunner,
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
  if (plan.roundTripMs !== null) channel.learnRoundTripMs(plan.roundTripMs);
  await playRole(open.role, plan, device, channel, runner, Promise.resolve(shownElsewhere));
}

function receivingOf({ receiving }: OpenMessage): Receiving | null {
  if (receiving === null) return null;
  return { ...receiving, sourceIdentity: parseIdentity(receiving.sourceIdentity) };
}
