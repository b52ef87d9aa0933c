import { placeError, type Place } from '../../device/open.ts';
import type { BasynError } from '../../errors.ts';
import { bounds } from '../../limits.ts';
import type { RangeListener } from '../../list-formats/list-parser.ts';
import { runProgram } from '../program.ts';
import type { Snapshot } from '../snapshot.ts';
import {
  baseNameOf,
  baseTag,
  blocksIn,
  blocksTagOf,
  cleanerTagIn,
  idTagIn,
  pairTagOf,
  runTagsIn,
} from '../tags.ts';
import { findVolume, fullNameOf, snapshotError, volumesOfGroup, type Volume } from '../volume.ts';
import type { Base } from './base.ts';
import { mappedBlocksOf, poolDeviceOf } from './mapped-blocks.ts';
import { askThinDelta, toolProblem } from './thin-delta.ts';

/**
 * Lists what may differ between a base and a new snapshot of the same volume, in bytes of the volume. A range may go on behind
 * the end of the new snapshot. Everything else is the same in both, if there is no reason against it.
 *
 * @returns in a sentence why that can't be determined. What was listed does not count then.
 * @throws {BasynError} `device`, if LVM can't be asked.
 */
export async function listChanges(
  place: Place,
  base: Base,
  { volume }: Pick<Snapshot, 'volume'>,
  listener: RangeListener,
): Promise<string | undefined> {
  const { groupName, poolName } = volume;
  const volumes = await volumesOfGroup(place, groupName);
  const problem = problemOf(base, volumes, volume);
  const older = volumes.find(({ uuid }) => uuid === base.uuid);
  if (problem !== undefined || older === undefined) return unusable(base, problem ?? 'it is gone');
  const ids = await thinIdsOf(place, groupName);
  const [olderId, newerId] = [ids.get(base.uuid), ids.get(volume.uuid)];
  if (olderId === undefined || newerId === undefined) return unusable(base, 'LVM does not report thin ids');
  const olderBlocks = blocksIn(older.tags);
  if (olderBlocks === undefined) return unusable(base, 'it is not known what it held when it was kept');
  const newerBlocks = await mappedBlocksOf(volume, poolDeviceOf(volume));
  if (typeof newerBlocks === 'string') return unusable(base, newerBlocks);
  const { blockBytes, count } = newerBlocks;
  const question = { groupName, poolName, olderId, newerId, olderBlocks, newerBlocks: count, blockBytes };
  const failure = await askThinDelta(question, listener);
  if (failure !== undefined) return unusable(base, failure);
  // An id is given again when its volume is removed. Both volumes were there all the time if they are there now.
  const change = problemOf(base, await volumesOfGroup(place, groupName), volume);
  if (change !== undefined) return unusable(base, change);
  const idsNow = await thinIdsOf(place, groupName);
  if (idsNow.get(base.uuid) !== olderId || idsNow.get(volume.uuid) !== newerId) {
    return unusable(base, 'the thin ids have changed meanwhile');
  }
  // thin_delta does not list what was added to a volume until something is written there. The target has other bytes there.
  const grownBytes = volume.sizeBytes - base.sizeBytes;
  if (grownBytes > 0) listener.changed(base.sizeBytes, grownBytes);
  return undefined;
}

function unusable({ groupName, name }: Base, reason: string): string {
  return `The base ${groupName}/${name} can't be used: ${reason}.`;
}

/**
 * Why the difference between a base and a snapshot does not tell what the target lacks.
 *
 * @param volumes of the snapshot's group, as they are now.
 */
export function problemOf(
  base: Base,
  volumes: readonly Volume[],
  { uuid }: Pick<Volume, 'uuid'>,
): string | undefined {
  const older = volumes.find((volume) => volume.uuid === base.uuid);
  const newer = volumes.find((volume) => volume.uuid === uuid);
  if (newer === undefined) return 'the new snapshot is gone';
  if (older === undefined) {
    const isNamed = volumes.some(({ name }) => name === base.name);
    return isNamed ? 'it is gone, and another volume has its name' : 'it is gone';
  }
  if (older.kind !== 'thin' || newer.kind !== 'thin') return 'it is not a thin volume';
  if (older.groupUuid !== base.groupUuid) return 'it is in another volume group now';
  if (!older.isReadOnly) return 'it is not read-only, and may have been written to';
  if (!newer.isReadOnly) return 'the new snapshot is not read-only';
  if (older.isMerging || newer.isMerging) return 'a snapshot is being merged';
  if (older.originUuid === '')
    return 'it has no origin any more, because the volume was rolled back or replaced';
  if (older.originUuid !== base.originUuid || newer.originUuid !== base.originUuid) {
    return 'it is a snapshot of another volume';
  }
  if (older.poolUuid !== base.poolUuid || newer.poolUuid !== base.poolUuid) return 'it is in another pool';
  if (older.sizeBytes !== base.sizeBytes) return 'its size has changed';
  return undefined;
}

/**
 * Keeps a thin snapshot as the base of the next run: it gets a name of its own, is not activated any more, and no run removes
 * it as left over. Its device must be closed.
 *
 * @param pairId names the source and the target, in hexadecimal.
 * @throws {BasynError} `device`, if LVM does not do it, or if nothing could compare the base. The snapshot is then to be
 *   removed like any other.
 */
export async function keepAsBase(place: Place, snapshot: Snapshot, pairId: string): Promise<Base> {
  const { volume } = snapshot;
  const problem = await toolProblem();
  if (problem !== undefined) throw noBase(place, problem);
  const name = baseNameOf(volume);
  const fullName = fullNameOf({ ...volume, name });
  const old = [idTagIn(volume.tags), cleanerTagIn(volume.tags), ...runTagsIn(volume.tags)];
  const dropped = old.flatMap((tag) => (tag === undefined ? [] : ['--deltag', tag]));
  // Only an active volume can be asked.
  const mapped = await mappedBlocksOf(volume, poolDeviceOf(volume));
  if (typeof mapped === 'string') throw noBase(place, mapped);
  const added = [baseTag, pairTagOf(pairId), blocksTagOf(mapped.count)].flatMap((tag) => ['--addtag', tag]);
  const reason =
    (await change('lvchange', ['--activate', 'n', snapshot.name])) ||
    (await change('lvrename', [snapshot.name, fullName])) ||
    // From here on the cleaner does not find it, and it is kept.
    (await change('lvchange', ['--setactivationskip', 'y', ...added, ...dropped, fullName]));
  if (reason !== '') throw noBase(place, reason);
  const kept = await findVolume(place, fullName);
  if (kept?.uuid !== volume.uuid || !kept.isReadOnly) {
    throw noBase(place, `LVM did not keep ${fullName} as it should`);
  }
  await snapshot.leave();
  const { groupName, groupUuid, uuid, originUuid, poolUuid, sizeBytes } = kept;
  return { groupName, groupUuid, uuid, name, originUuid, poolUuid, sizeBytes };
}

function noBase(place: Place, reason: string): BasynError {
  return placeError('device', place, `has no base for the next run: ${reason}.`);
}

/**
 * Removes the other bases of a pair: that of the last run, and those that killed runs have left. Call it when it is durable
 * that the next run uses this one.
 *
 * @throws {BasynError} `device`, if LVM does not do it.
 */
export async function removeOtherBases(
  place: Place,
  { groupName, uuid, originUuid }: Base,
  pairId: string,
): Promise<void> {
  // A state file that was copied names the same pair. A base of another volume belongs to the original. One without an origin
  // was left by a rollback.
  const bases = (await volumesOfGroup(place, groupName)).filter(
    (volume) =>
      volume.tags.includes(baseTag) &&
      volume.tags.includes(pairTagOf(pairId)) &&
      (volume.originUuid === originUuid || volume.originUuid === ''),
  );
  for (const other of bases.filter((volume) => volume.uuid !== uuid)) {
    const reason = await change('lvremove', ['--select', `lv_uuid=${other.uuid}`, groupName]);
    if (reason === '') continue;
    throw placeError(
      'device',
      place,
      `still has the base ${fullNameOf(other)} of an earlier run: ${reason}.`,
    );
  }
}

/** @returns the reason as a clause if it failed. */
async function change(file: 'lvchange' | 'lvrename' | 'lvremove', args: readonly string[]): Promise<string> {
  return (await runProgram(file, ['--yes', ...args], bounds.volumeChangeTimeoutMs)).reason;
}

/** By the UUID of the volume. */
async function thinIdsOf(place: Place, groupName: string): Promise<ReadonlyMap<string, number>> {
  const args = ['--noheadings', '--separator', ' ', '--options', 'lv_uuid,thin_id', groupName];
  const { status, output, reason } = await runProgram('lvs', args, bounds.volumeQueryTimeoutMs);
  if (status !== 0) throw snapshotError(place, reason);
  const rows = output.split('\n').map((line) => /^\s*(\S+) (\d+)\s*$/.exec(line));
  return new Map(rows.flatMap((row) => (row === null ? [] : [[row[1]!, Number(row[2])] as const])));
}
