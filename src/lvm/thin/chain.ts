import type { Place } from '../../device/open.ts';
import type { Range } from '../../device/range.ts';
import { bounds } from '../../limits.ts';
import { runProgram } from '../program.ts';
import type { Snapshot } from '../snapshot.ts';
import { baseNameOf, baseTag, guardTagIn, idTagIn, runTagsIn } from '../tags.ts';
import { findVolume, fullNameOf, snapshotError, volumesOfGroup, type Volume } from '../volume.ts';
import { askThinDelta } from './thin-delta.ts';

/** A thin snapshot that was kept: what the target held after a run. Plain JSON, for the state file. */
export interface Base {
  readonly groupName: string;
  readonly groupUuid: string;
  /** Of the snapshot. Only this identifies it: LVM gives names and thin ids again. */
  readonly uuid: string;
  readonly name: string;
  readonly originUuid: string;
  readonly poolUuid: string;
  readonly sizeBytes: number;
}

/** What may have changed since the base; or in a sentence why that can't be determined, so that everything is compared. */
export type Differences = { readonly ranges: readonly Range[] } | { readonly reason: string };

/**
 * What may differ between a base and a new snapshot of the same volume: ranges in bytes, in order, within the new snapshot.
 * Everything outside them is the same in both.
 *
 * @throws {BasynError} `device`, if LVM can't be asked.
 */
export async function differencesSince(place: Place, base: Base, snapshot: Snapshot): Promise<Differences> {
  const before = await volumesOfGroup(place, snapshot.volume.groupName);
  const problem = problemOf(base, before, snapshot.volume);
  if (problem !== undefined) return withReason(base, problem);
  const ids = await thinIdsOf(place, snapshot.volume.groupName);
  const [olderId, newerId] = [ids.get(base.uuid), ids.get(snapshot.volume.uuid)];
  if (olderId === undefined || newerId === undefined) return withReason(base, 'LVM does not report thin ids');
  const { groupName, poolName } = snapshot.volume;
  const answer = await askThinDelta({ groupName, poolName, olderId, newerId });
  if (typeof answer === 'string') return withReason(base, answer);
  // An id is given again when its volume is removed. Both volumes were there all the time if they are there now.
  const after = await volumesOfGroup(place, groupName);
  const idsAfter = await thinIdsOf(place, groupName);
  const change = problemOf(base, after, snapshot.volume);
  if (change !== undefined) return withReason(base, change);
  if (idsAfter.get(base.uuid) !== olderId || idsAfter.get(snapshot.volume.uuid) !== newerId) {
    return withReason(base, 'the thin ids have changed meanwhile');
  }
  return { ranges: withGrownEnd(answer, base.sizeBytes, snapshot.volume.sizeBytes) };
}

function withReason({ groupName, name }: Base, reason: string): Differences {
  return { reason: `The base ${groupName}/${name} can't be used: ${reason}.` };
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
 * The ranges within the new size, in order. What was added to a volume counts as changed: thin_delta does not list it as long
 * as nothing was written there, and the target has other bytes there.
 */
export function withGrownEnd(ranges: readonly Range[], olderBytes: number, newerBytes: number): Range[] {
  const coveredBytes = Math.min(olderBytes, newerBytes);
  const within = ranges.flatMap(({ offsetBytes, lengthBytes }) => {
    const endBytes = Math.min(offsetBytes + lengthBytes, coveredBytes);
    return endBytes > offsetBytes ? [{ offsetBytes, lengthBytes: endBytes - offsetBytes }] : [];
  });
  const grownBytes = newerBytes - olderBytes;
  return grownBytes > 0 ? [...within, { offsetBytes: olderBytes, lengthBytes: grownBytes }] : within;
}

/**
 * Keeps a thin snapshot as the base of the next run: it gets a name of its own, is not activated any more, and no run removes
 * it as left over. Its device must be closed.
 *
 * @throws {BasynError} `device`, if LVM does not do it. The snapshot is then removed like any other.
 */
export async function keepAsBase(place: Place, snapshot: Snapshot): Promise<Base> {
  const { volume } = snapshot;
  if (volume.kind !== 'thin') throw snapshotError(place, 'only a thin snapshot can be kept as a base');
  const name = baseNameOf(volume);
  const old = [idTagIn(volume.tags), guardTagIn(volume.tags), ...runTagsIn(volume.tags)];
  const dropped = old.flatMap((tag) => (tag === undefined ? [] : ['--deltag', tag]));
  await change(place, 'lvchange', ['--activate', 'n', snapshot.name]);
  await change(place, 'lvrename', [snapshot.name, fullNameOf({ ...volume, name })]);
  // From here on the guard does not find it, and it is kept.
  await change(place, 'lvchange', [
    '--setactivationskip',
    'y',
    '--addtag',
    baseTag,
    ...dropped,
    fullNameOf({ ...volume, name }),
  ]);
  const kept = await findVolume(place, fullNameOf({ ...volume, name }));
  if (kept?.uuid !== volume.uuid || !kept.isReadOnly)
    throw snapshotError(place, `the base ${name} is not as it should be`);
  await snapshot.leave();
  const { groupName, groupUuid, uuid, originUuid, poolUuid, sizeBytes } = kept;
  return { groupName, groupUuid, uuid, name, originUuid, poolUuid, sizeBytes };
}

/**
 * Removes a base, by its UUID. It may be gone already.
 *
 * @throws {BasynError} `device`, if LVM does not do it.
 */
export async function removeBase(place: Place, { groupName, uuid }: Base): Promise<void> {
  const base = (await volumesOfGroup(place, groupName)).find((volume) => volume.uuid === uuid);
  // Without the tag, somebody else has taken it over.
  if (base?.tags.includes(baseTag) !== true) return;
  await change(place, 'lvremove', ['--select', `lv_uuid=${uuid}`, groupName]);
}

async function change(
  place: Place,
  file: 'lvchange' | 'lvrename' | 'lvremove',
  args: readonly string[],
): Promise<void> {
  const { reason } = await runProgram(file, ['--yes', ...args], bounds.volumeChangeTimeoutMs);
  if (reason !== '') throw snapshotError(place, reason);
}

/** By the UUID of the volume. */
async function thinIdsOf(place: Place, groupName: string): Promise<ReadonlyMap<string, number>> {
  const args = ['--noheadings', '--separator', ' ', '--options', 'lv_uuid,thin_id', groupName];
  const { status, output, reason } = await runProgram('lvs', args, bounds.volumeQueryTimeoutMs);
  if (status !== 0) throw snapshotError(place, reason);
  const rows = output.split('\n').map((line) => /^\s*(\S+) (\d+)\s*$/.exec(line));
  return new Map(rows.flatMap((row) => (row === null ? [] : [[row[1]!, Number(row[2])] as const])));
}
