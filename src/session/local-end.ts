import { parseIdentity } from '../device/device.ts';
import { limits } from '../limits.ts';
import type { Channel } from '../link/channel.ts';
import type { OpenedMessage } from '../protocol/messages.ts';
import type { JobRunner } from '../workers/jobs.ts';
import type { LaneOpener } from '../link/lane-opener.ts';
import {
  coveredBytes,
  openDevice,
  receivingOf,
  usingDevice,
  type Receiving,
  type RunDevice,
} from './devices.ts';
import { isWriting, planOf, type Order } from './order.ts';
import type { DeviceReport, ReadPath } from '../report.ts';
import { traceDevice } from './device-trace.ts';
import { deviceReportOf, readPathOf, type RunReporter } from './run-reporter.ts';
import { playRole } from './role.ts';
import { unexpected } from './unexpected.ts';

/** What the local end of a session works with. */
export interface LocalEnd {
  readonly order: Order;
  readonly channel: Channel;
  readonly runner: JobRunner;
  readonly reporter: RunReporter;
  readonly laneOpener: LaneOpener;
}

/**
 * The whole run, seen from the machine of the person:
 *
 *     local                                  agent
 *       │ open (path, role) ──────────────────▶│ opens its device
 *       │◀───────────────────── opened | failure│
 *       │ begin (plan) ───────────────────────▶│ ┐ once per phase; the conversation
 *       │◀───────── source ⇄ target ──────────▶│ ┘ between stands above Source
 *       │ bye ────────────────────────────────▶│ closes its device
 *       │◀───────────────────── closed | failure│ ends
 *
 * A local source begins before the agent has answered: its size is the plan's, and it only reads.
 *
 * @throws {BasynError} the first failure on either side.
 */
export async function runLocalEnd(end: LocalEnd): Promise<void> {
  const { order, channel, reporter } = end;
  channel.onFlush((whose) => reporter.flushing(whose === 'ours' ? 'local' : 'remote'));
  await (order.localRole === 'source' ? runAsSource(end) : runAsTarget(end));
}

/** Opens both devices and says what they are, without reading any data. */
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
    sendOpen(end, receivingOf(order, local.handle.sizeBytes, local.identity));
    const opening = expectOpened(end).then(async (opened) => {
      reporter.warn([...local.warnings, ...opened.warnings]);
      reporter.start(deviceReportOf(local.handle), remoteReportOf(order, opened), {
        source: readPathOf(local),
        target: remoteReadPathOf(opened),
      });
      reporter.note([...local.notes, ...(opened.notes ?? [])]);
      const sourceBytes = local.handle.sizeBytes;
      const sizeBytes = coveredBytes(order, { sourceBytes, targetBytes: opened.sizeBytes });
      await measureLink(end, opened, sizeBytes);
      return sizeBytes;
    });
    // A transfer covers the source. What a recheck covers depends on both sides, and nothing can begin before it is known.
    const sizeBytes = isWriting(order) ? local.handle.sizeBytes : await opening;
    return runPhases(end, local, sizeBytes, opening);
  });
}

async function runAsTarget(end: LocalEnd): Promise<void> {
  const { order, reporter, runner } = end;
  sendOpen(end, null);
  const opened = await expectOpened(end);
  const receiving = receivingOf(order, opened.sizeBytes, parseIdentity(opened.identity));
  return usingDevice(await openLocal(end, receiving), runner, async (local) => {
    traceDevice(end.channel.trace, local);
    reporter.warn([...opened.warnings, ...local.warnings]);
    reporter.start(remoteReportOf(order, opened), deviceReportOf(local.handle), {
      source: remoteReadPathOf(opened),
      target: readPathOf(local),
    });
    reporter.note([...(opened.notes ?? []), ...local.notes]);
    const targetBytes = local.handle.sizeBytes;
    const sizeBytes = coveredBytes(order, { sourceBytes: opened.sizeBytes, targetBytes });
    await measureLink(end, opened, sizeBytes);
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
    // The role hears of a refusal when it comes to it; until then, it must not count as unheard.
    starting.catch(() => undefined);
    reporter.phaseEnd(await playRole(order.localRole, plan, device, channel, runner, starting));
  }
  reporter.warn(device.checkAtEnd());
  await sayGoodbye(end);
}

/**
 * Ends the conversation. Only the agent knows whether its device could be closed, and whether it is still what it was: the
 * run has succeeded when the agent says so. How its process ends after that does not matter.
 */
async function sayGoodbye({ channel, reporter }: LocalEnd): Promise<void> {
  channel.send({ type: 'bye' });
  const message = await channel.next();
  if (message.type !== 'closed') throw unexpected(message);
  reporter.warn(message.warnings);
}

function openLocal({ order, channel }: LocalEnd, receiving: Receiving | null): Promise<RunDevice> {
  const { localPath, phases } = order;
  return openDevice(localPath, 'local', { phases, receiving }, () => channel.announceFlush());
}

function sendOpen({ order, channel }: LocalEnd, receiving: Receiving | null): void {
  const { remotePath: path, peerTimeoutMs, laneCount, phases } = order;
  const role = order.localRole === 'source' ? 'target' : 'source';
  channel.send({
    type: 'open',
    protocol: 2,
    path,
    role,
    receiving,
    phases: [...phases],
    lanes: laneCount > 1,
    peerTimeoutMs,
  });
}

async function expectOpened({ order, channel }: LocalEnd): Promise<OpenedMessage> {
  const message = await channel.next();
  if (message.type !== 'opened') throw unexpected(message);
  if (order.laneCount === 1 || message.lanes === null) channel.useOneLane();
  return message;
}

/**
 * The round-trip time decides on lanes and compression. This measures it before data queues, and only in a run that moves
 * data. A copy moves all of its data for certain, so that its lanes need not wait for the first data.
 */
async function measureLink(
  { order, channel, laneOpener }: LocalEnd,
  { lanes: laneAddress }: OpenedMessage,
  sizeBytes: number,
): Promise<void> {
  if (order.dryRun || !isWriting(order)) return;
  const roundTripMs = await channel.measureRoundTripMs(limits.longRoundTripMs);
  laneOpener.watch(laneAddress, roundTripMs, order.phases.includes('copy') ? sizeBytes : 0);
}

function remoteReadPathOf({ cachedBecause }: OpenedMessage): ReadPath {
  return readPathOf({ cachedBecause: cachedBecause ?? undefined });
}

function remoteReportOf({ remotePath: path }: Order, { kind, sizeBytes }: OpenedMessage): DeviceReport {
  return { side: 'remote', path, kind, sizeBytes };
}
