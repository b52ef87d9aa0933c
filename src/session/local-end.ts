import { parseIdentity } from '../device/device.ts';
import { tuning } from '../limits.ts';
import type { Channel } from '../link/channel.ts';
import type { OpenedMessage } from '../protocol/messages.ts';
import type { JobRunner } from '../workers/jobs.ts';
import type { LaneOpener } from '../link/lane-opener.ts';
import { openDevice, targetRequestOf, usingDevice, type TargetRequest, type RunDevice } from './devices.ts';
import { isWriting, pageCacheOf, planOf, type Order } from './order.ts';
import type { DeviceReport, ReadPath } from '../report.ts';
import { traceDevice } from './device-trace.ts';
import { deviceReportOf, readPathOf, surveyPathOf, type RunReporter } from './run-reporter.ts';
import { playRole } from './role.ts';
import { coveredBytes } from './sizes.ts';
import { unexpected } from './unexpected.ts';

/** What the local end of a session needs. */
export interface LocalEnd {
  readonly order: Order;
  readonly channel: Channel;
  readonly runner: JobRunner;
  readonly reporter: RunReporter;
  readonly laneOpener: LaneOpener;
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
 * A local source starts reading before the agent has answered. It knows the plan, because the size is its own.
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
  const { order, reporter, runner } = end;
  return usingDevice(await openLocal(end, null), runner, async (local) => {
    traceDevice(end.channel.trace, local);
    sendOpen(end, targetRequestOf(order, local.handle.sizeBytes, local.identity));
    const opening = expectOpened(end).then(async (opened) => {
      reporter.warn([...local.warnings, ...opened.warnings]);
      reporter.start(deviceReportOf(local.handle), remoteReportOf(order, opened), {
        source: readPathOf(local),
        survey: surveyPathOf(local.surveyView),
        target: remoteReadPathOf(opened),
      });
      reporter.note([...local.notes, ...(opened.notes ?? [])]);
      const sourceBytes = local.handle.sizeBytes;
      const sizeBytes = coveredBytes(order, { sourceBytes, targetBytes: opened.sizeBytes });
      await measureRoundTrip(end, opened, sizeBytes);
      return sizeBytes;
    });
    // A transfer covers the source. What a recheck covers depends on both sizes, so it has to wait for the peer.
    const sizeBytes = isWriting(order) ? local.handle.sizeBytes : await opening;
    return runPhases(end, local, sizeBytes, opening);
  });
}

async function runAsTarget(end: LocalEnd): Promise<void> {
  const { order, reporter, runner } = end;
  sendOpen(end, null);
  const opened = await expectOpened(end);
  const targetRequest = targetRequestOf(order, opened.sizeBytes, parseIdentity(opened.identity));
  return usingDevice(await openLocal(end, targetRequest), runner, async (local) => {
    traceDevice(end.channel.trace, local);
    reporter.warn([...opened.warnings, ...local.warnings]);
    reporter.start(remoteReportOf(order, opened), deviceReportOf(local.handle), {
      source: remoteReadPathOf(opened),
      survey: opened.surveysDirectly === true ? 'direct' : 'cached',
      target: readPathOf(local),
    });
    reporter.note([...(opened.notes ?? []), ...local.notes]);
    const targetBytes = local.handle.sizeBytes;
    const sizeBytes = coveredBytes(order, { sourceBytes: opened.sizeBytes, targetBytes });
    await measureRoundTrip(end, opened, sizeBytes);
    return runPhases(end, local, sizeBytes, Promise.resolve());
  });
}

async function runPhases(
  end: LocalEnd,
  device: RunDevice,
  sizeBytes: number,
  opening: Promise<unknown>,
): Promise<void> {
  const { order, channel, runner, reporter } = end;
  for (const name of order.phases) {
    const plan = planOf(order, name, sizeBytes, channel.throughput.roundTripMs);
    channel.send({ type: 'begin', ...plan });
    const starting = opening.then(() => reporter.phaseStart(name, sizeBytes));
    // The role awaits this later. Until then, a refusal must not count as an unhandled rejection.
    starting.catch(() => undefined);
    reporter.phaseEnd(await playRole(order.localRole, plan, device, channel, runner, starting));
  }
  reporter.warn(device.checkAtEnd());
  await sayGoodbye(end);
}

/**
 * Ends the conversation. Only the agent knows whether its device could be closed and whether the path still leads to it.
 * The run has succeeded when the agent says so. How the agent's process exits after that does not matter.
 */
async function sayGoodbye({ channel, reporter }: LocalEnd): Promise<void> {
  channel.send({ type: 'bye' });
  const message = await channel.next();
  if (message.type !== 'closed') throw unexpected(message);
  reporter.warn(message.warnings);
}

function openLocal({ order, channel }: LocalEnd, targetRequest: TargetRequest | null): Promise<RunDevice> {
  const { localPath, phases, readBytesPerSecond } = order;
  const pageCache = pageCacheOf(order);
  const location = { side: 'local', hosts: 'two' } as const;
  const use = { phases, targetRequest, readBytesPerSecond, pageCache };
  return openDevice(localPath, location, use, () => channel.announceFlush());
}

function sendOpen({ order, channel }: LocalEnd, targetRequest: TargetRequest | null): void {
  const { remotePath: path, peerTimeoutMs, laneCount, phases, readBytesPerSecond, cache } = order;
  const role = order.localRole === 'source' ? 'target' : 'source';
  channel.send({
    type: 'open',
    protocol: 2,
    path,
    role,
    receiving: targetRequest,
    phases: [...phases],
    lanes: laneCount > 1,
    peerTimeoutMs,
    ...(cache === true && { cache }),
    ...(readBytesPerSecond !== undefined && { readBytesPerSecond }),
  });
}

async function expectOpened({ order, channel }: LocalEnd): Promise<OpenedMessage> {
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
