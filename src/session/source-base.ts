import { BasynError } from '../errors.ts';
import type { Geometry } from '../digest/geometry.ts';
import type { Channel } from '../link/channel.ts';
import type { SinceMessage } from '../protocol/messages.ts';
import { bounds } from '../limits.ts';
import type { Coverage } from './coverage.ts';
import { Covers, sendCovers } from './covers.ts';
import type { RunDevice } from './devices.ts';
import { isWriting, type Order } from './order.ts';
import type { RunReporter } from './run-reporter.ts';
import type { RunSnapshots } from './run-snapshots.ts';
import type { PhaseSelector } from './selection.ts';
import type { Recorder } from '../state-file/recorder.ts';
import { unexpected } from './unexpected.ts';

/**
 * The base of a source: the snapshot that the last run has read, and has kept. All buffers of the target that the state file
 * knows were equal to it. The conversation, if the agent has the source:
 *
 *     local                                       agent
 *       │ since (base) ──────────────────────────▶│ compares the base with its snapshot
 *       │◀───────────── changes (reason) | changes, covers│
 *       │ the phases                              │
 *       │ keep (pairId) ─────────────────────────▶│
 *       │ bye ───────────────────────────────────▶│ closes the snapshot, and keeps it as a base
 *       │◀─────────────────────────── closed (base)│
 *       │ recorded ──────────────────────────────▶│ removes older bases
 *       │◀────────────────────────────────── closed│
 */

/** What the local end needs to use a base, and to keep one. */
export interface BaseUse {
  readonly order: Order;
  readonly channel: Channel;
  readonly reporter: RunReporter;
  /** Undefined in a run without a state file. */
  readonly recorder?: Recorder | undefined;
  /** Undefined where every phase examines everything. */
  readonly select?: PhaseSelector | undefined;
  /** Of a local source. Undefined where it is read itself. */
  readonly snapshots?: RunSnapshots | undefined;
}

/**
 * What may have changed in the source since the last run.
 *
 * @returns undefined where that is not known, so that all of the source has to be read.
 */
export async function changesSinceBase(
  { order, recorder, reporter, channel }: BaseUse,
  { snapshot }: RunDevice,
  geometry: Geometry,
): Promise<Coverage | undefined> {
  const base = recorder?.base ?? null;
  if (order.snapshot === undefined || base === null) return undefined;
  const changes =
    order.localRole === 'source'
      ? await snapshot!.changesSince(base, geometry)
      : await askForChanges(channel, base, geometry);
  if (typeof changes !== 'string') return changes;
  reporter.warn([`${changes} All of the source is read.`]);
  return undefined;
}

async function askForChanges(
  channel: Channel,
  base: unknown,
  geometry: Geometry,
): Promise<Coverage | string> {
  channel.send({ type: 'since', base, bufferBytes: geometry.bufferBytes });
  const answer = await channel.next();
  if (answer.type !== 'changes') throw unexpected(answer);
  if (answer.reason !== undefined) return answer.reason;
  const covers = new Covers();
  while (!covers.isComplete) {
    const message = await channel.next();
    if (message.type !== 'cover') throw unexpected(message);
    covers.add(message);
  }
  return covers.take(geometry);
}

/** The agent's answer to `since`. */
export async function answerSince(
  channel: Channel,
  { base, bufferBytes }: SinceMessage,
  { snapshot, handle: { sizeBytes } }: RunDevice,
): Promise<void> {
  if (snapshot === undefined) {
    throw new BasynError('protocol', 'The local side asked what has changed, and there is no snapshot.');
  }
  const changes = await snapshot.changesSince(base, { sizeBytes, bufferBytes, stepsBytes: [bufferBytes] });
  if (typeof changes === 'string') {
    channel.send({ type: 'changes', reason: changes.slice(0, bounds.maxErrorMessageCharacters) });
    return;
  }
  channel.send({ type: 'changes' });
  sendCovers(channel, changes);
}

/**
 * Names the source and the target for which the snapshot is kept.
 *
 * @returns undefined where it is removed: there is no state file to record it, nothing is written, or a list of changes
 *   decides what is equal to the snapshot.
 */
export function pairIdOf({ order, recorder, select }: BaseUse): string | undefined {
  const keeps = order.snapshot !== undefined && isWriting(order) && !order.dryRun && select === undefined;
  return keeps ? recorder?.pairId : undefined;
}

/** The base is recorded: older ones are not needed. That they remain does no harm but for the space. */
export async function removeOlderBases({ order, channel, snapshots, reporter }: BaseUse): Promise<void> {
  if (order.localRole === 'source') {
    reporter.warn((await snapshots?.removeOtherBases()) ?? []);
    return;
  }
  try {
    channel.send({ type: 'recorded' });
    const message = await channel.next();
    if (message.type !== 'closed') throw unexpected(message);
    reporter.warn(message.warnings);
  } catch (error) {
    const { message } = BasynError.from(error);
    reporter.warn([
      `${message} The base of the last run may not have been removed. The next run removes it.`,
    ]);
  }
}
