import type { Place } from '../device/open.ts';
import { findVolume, fullNameOf, snapshotError, type Volume } from './volume.ts';

/**
 * A pool that is fuller than this gets no snapshot. Each block of the origin that changes while there is a snapshot takes
 * space, and a full pool fails the writes of all its volumes. The last twentieth is also where LVM's own warnings begin.
 */
const fullPercent = 95;

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const leastSuggestionBytes = 64 * MiB;

/**
 * Checks that a volume can have a snapshot.
 *
 * @param sizeBytes of a classic snapshot. Undefined if the user gave none.
 * @throws {BasynError} `device`, with the reason and how to prepare it.
 */
export async function requirePossible(
  place: Place,
  volume: Volume,
  sizeBytes: number | undefined,
): Promise<void> {
  if (volume.kind === 'other') throw snapshotError(place, 'it is a pool or a part of another volume');
  if (volume.isShared) {
    const advice = 'take the snapshot on the host that has it active exclusively, and name the snapshot';
    throw snapshotError(place, `the group ${volume.groupName} is shared with other hosts: ${advice}`);
  }
  if (volume.isMerging) {
    throw snapshotError(place, 'a snapshot is being merged: wait for the end of the merge (lvs shows it)');
  }
  if (volume.isClassicSnapshot) {
    throw snapshotError(place, 'it is a snapshot itself: leave the snapshot out, and read it as it is');
  }
  if (volume.kind === 'thin') await requireRoomInPool(place, volume);
  else requireRoomInGroup(place, volume, sizeBytes);
}

async function requireRoomInPool(place: Place, { groupName, poolName }: Volume): Promise<void> {
  const name = fullNameOf({ groupName, name: poolName });
  const pool = await findVolume(place, name);
  if (pool === undefined) throw snapshotError(place, `its pool ${name} is not known to LVM`);
  const { dataPercent, metadataPercent } = pool;
  if (dataPercent < fullPercent && metadataPercent < fullPercent) return;
  const [what, percent, option] =
    dataPercent >= fullPercent
      ? ['data', dataPercent, '--size']
      : ['metadata', metadataPercent, '--poolmetadatasize'];
  const advice = `extend the pool first, for example with "lvextend ${option} +1G ${name}"`;
  throw snapshotError(place, `${percent} % of the ${what} space of the thin pool ${name} is used: ${advice}`);
}

function requireRoomInGroup(place: Place, volume: Volume, sizeBytes: number | undefined): void {
  const { groupName, groupFreeBytes } = volume;
  const free = `the group ${groupName} has ${inUnits(groupFreeBytes)} free`;
  if (sizeBytes === undefined) {
    const advice = `for example ${inUnits(suggestedBytes(volume))} (${free})`;
    const what = 'the space for what changes on the volume during the run';
    throw snapshotError(place, `its snapshot needs a size, which is ${what}: ${advice}`, 'snapshot-size');
  }
  // LVM makes no snapshot that is larger than it can ever need.
  if (Math.min(sizeBytes, volume.sizeBytes) <= groupFreeBytes) return;
  const advice = 'free some space there, add a disk with vgextend, or ask for a smaller snapshot';
  throw snapshotError(
    place,
    `${free}, less than the ${inUnits(sizeBytes)} of the snapshot: ${advice}`,
    'snapshot-size',
  );
}

/** A tenth of the volume, in whole gibibytes if it is that large. */
function suggestedBytes({ sizeBytes }: Volume): number {
  const wishedBytes = Math.max(leastSuggestionBytes, sizeBytes / 10);
  const unitBytes = wishedBytes >= GiB ? GiB : leastSuggestionBytes;
  return Math.ceil(wishedBytes / unitBytes) * unitBytes;
}

/** As LVM and the option write it: "10G", rounded down. */
function inUnits(bytes: number): string {
  return bytes >= 10 * GiB || bytes % GiB === 0
    ? `${Math.floor(bytes / GiB)}G`
    : `${Math.floor(bytes / MiB)}M`;
}
