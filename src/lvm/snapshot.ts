import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { placeError, placeMessage, type Place } from '../device/open.ts';
import type { BasynError } from '../errors.ts';
import { bounds, tuning } from '../limits.ts';
import { endCleaner, SnapshotCleaner } from './snapshot-cleaner.ts';
import { removeLeftovers } from './leftovers.ts';
import { requirePossible } from './snapshot-conditions.ts';
import { runProgram } from './program.ts';
import { cleanerTagIn, idTagIn, idTagOf, mark, runTagOf, snapshotNameOf } from './tags.ts';
import { findVolume, fullNameOf, kernelUuidOf, snapshotError, volumeAt, type Volume } from './volume.ts';

/** What a run wants of a snapshot. */
export interface SnapshotWish {
  /** Of a classic snapshot: the space for what changes meanwhile. A thin one needs none. */
  readonly sizeBytes: number | undefined;
  /** Names a run that may have several attempts, which all read one snapshot. */
  readonly runToken: string | undefined;
}

/** A snapshot that a run reads. It is removed at the end, whatever happens. */
export class Snapshot {
  /** "vg0/mail-basyn-1a2b3c4d". */
  readonly name: string;
  readonly devicePath: string;
  /** As the kernel writes it, for the device. */
  readonly kernelUuid: string;
  /** For the user. */
  readonly notes: readonly string[];
  /** As it was when it was made or found. */
  readonly volume: Volume;
  readonly #place: Place;
  readonly #idTag: string;
  readonly #cleaner: SnapshotCleaner;

  constructor(place: Place, volume: Volume, cleaner: SnapshotCleaner, notes: readonly string[]) {
    this.name = fullNameOf(volume);
    this.devicePath = volume.devicePath;
    this.kernelUuid = kernelUuidOf(volume);
    this.volume = volume;
    this.notes = notes;
    this.#place = place;
    this.#idTag = idTagIn(volume.tags)!;
    this.#cleaner = cleaner;
  }

  /**
   * Checks that the snapshot still holds the moment at which it was taken. Data that was read before the check is valid then.
   *
   * @throws {BasynError} `device`, if it has overflowed, or if that can't be determined.
   */
  async requireValid(): Promise<void> {
    const now = await findVolume(this.#place, this.name);
    if (now?.uuid !== this.volume.uuid) {
      throw placeError(
        'device',
        this.#place,
        `was read from the snapshot ${this.name}, which was removed during the run.`,
      );
    }
    if (now.isInvalid) throw overflowError(this.#place, this.name);
    if (!now.isReadOnly || now.originUuid !== this.volume.originUuid) {
      throw placeError(
        'device',
        this.#place,
        `was read from the snapshot ${this.name}, which was changed during the run.`,
      );
    }
  }

  /** From now on the snapshot does not outlive this process. */
  keepNoLonger(): void {
    this.#cleaner.keepNoLonger();
  }

  /**
   * Removes the snapshot. Its device must be closed.
   *
   * @throws {BasynError} `device`, if that fails. The cleaner then goes on trying.
   */
  async remove(): Promise<void> {
    this.keepNoLonger();
    const reason = await removeByTag(this.#idTag);
    if (reason !== '') {
      this.#cleaner.letGo();
      throw placeError(
        'device',
        this.#place,
        `was read from the snapshot ${this.name}, which can't be removed: ${reason}.`,
      );
    }
    await this.#cleaner.dismiss();
  }

  /** The snapshot is kept for good: it belongs to the caller now. */
  async leave(): Promise<void> {
    await this.#cleaner.dismiss();
  }
}

function overflowError(place: Place, name: string): BasynError {
  const what = `was read from the snapshot ${name}, which overflowed: more has changed on the volume than the snapshot can hold.`;
  return placeError('device', place, `${what} The target is not what the volume held at one moment.`, {
    remedy: 'snapshot-size',
  });
}

/**
 * Takes a read-only snapshot of the logical volume at a path, or finds the one that an earlier attempt of the run has taken.
 * Removes what runs left in the same group that were killed.
 *
 * @throws {BasynError} `device`, with what makes it impossible and how to prepare it.
 */
export async function takeSnapshot(place: Place, wish: SnapshotWish): Promise<Snapshot> {
  requireRoot(place);
  const { volume, group: volumes } = await volumeAt(place);
  const earlier = volumes.find((other) => isOfRun(other, volume, wish));
  if (earlier !== undefined) {
    const snapshot = await takeOver(place, earlier);
    if (snapshot !== undefined) return snapshot;
  }
  const notes = await removeLeftovers(place, volumes);
  // What was removed has made room.
  const current = notes.length === 0 ? volume : (await volumeAt(place)).volume;
  await requirePossible(place, current, wish.sizeBytes);
  return create(place, current, wish, notes);
}

function requireRoot(place: Place): void {
  const uid = process.geteuid?.();
  if (uid === 0) return;
  throw placeError(
    'device',
    place,
    `can't be read from a snapshot: only root can take one (this is user ${uid ?? 'unknown'}).`,
    {
      ...(place.side === 'remote' && { remedy: 'other-user' }),
    },
  );
}

function isOfRun(candidate: Volume, origin: Volume, { runToken }: SnapshotWish): boolean {
  return (
    runToken !== undefined &&
    candidate.tags.includes(runTagOf(runToken)) &&
    candidate.originUuid === origin.uuid &&
    idTagIn(candidate.tags) !== undefined
  );
}

/**
 * The snapshot of an earlier attempt, with a cleaner of this process.
 *
 * @returns undefined if it can't be used any more. It was removed then.
 */
async function takeOver(place: Place, earlier: Volume): Promise<Snapshot | undefined> {
  const name = fullNameOf(earlier);
  const idTag = idTagIn(earlier.tags)!;
  const oldTag = cleanerTagIn(earlier.tags);
  if (oldTag !== undefined) await endCleaner(oldTag);
  if (earlier.isInvalid || !earlier.isReadOnly) {
    await removeByTag(idTag);
    return undefined;
  }
  const cleaner = await startCleaner(place, idTag, bounds.keptSnapshotMs);
  const tags = [...(oldTag === undefined ? [] : ['--deltag', oldTag]), '--addtag', cleaner.tag];
  await change('lvchange', [...tags, name]);
  await change('lvchange', ['--activate', 'y', '--ignoreactivationskip', name]);
  const now = await findVolume(place, name);
  if (now?.uuid === earlier.uuid && !now.isInvalid && now.isActive && now.tags.includes(cleaner.tag)) {
    return new Snapshot(place, now, cleaner, []);
  }
  await removeByTag(idTag);
  await cleaner.dismiss();
  return undefined;
}

async function create(
  place: Place,
  origin: Volume,
  wish: SnapshotWish,
  notes: readonly string[],
): Promise<Snapshot> {
  const id = randomBytes(8).toString('hex');
  const idTag = idTagOf(id);
  const name = snapshotNameOf(origin.name, id);
  const { runToken, sizeBytes } = wish;
  const cleaner = await startCleaner(place, idTag, runToken === undefined ? 0 : bounds.keptSnapshotMs);
  try {
    const tags = [mark, idTag, cleaner.tag, ...(runToken === undefined ? [] : [runTagOf(runToken)])];
    const size = origin.kind === 'thin' ? [] : ['--size', `${sizeBytes}b`];
    const args = ['-s', '--permission', 'r', '--setactivationskip', 'n', '--name', name, ...size];
    const reason = await change('lvcreate', [
      ...args,
      ...tags.flatMap((tag) => ['--addtag', tag]),
      fullNameOf(origin),
    ]);
    if (reason !== '') throw snapshotError(place, reason);
    const volume = await findVolume(place, fullNameOf({ groupName: origin.groupName, name }));
    if (volume?.isInvalid === true) throw overflowError(place, fullNameOf(volume));
    if (volume === undefined || !volume.isReadOnly || volume.originUuid !== origin.uuid) {
      throw snapshotError(place, `LVM did not make the snapshot ${name} as it should`);
    }
    return new Snapshot(place, volume, cleaner, [...notes, ...sizeNotes(place, origin, wish)]);
  } catch (error) {
    // A creation that fails half-way may have made the volume.
    await removeByTag(idTag);
    await cleaner.dismiss();
    throw error;
  }
}

function sizeNotes(place: Place, { kind }: Volume, { sizeBytes }: SnapshotWish): string[] {
  if (kind !== 'thin' || sizeBytes === undefined) return [];
  return [
    placeMessage(
      place,
      'is a thin volume: its snapshot takes space from the pool, and the given size is not used.',
    ),
  ];
}

async function startCleaner(place: Place, idTag: string, keepMs: number): Promise<SnapshotCleaner> {
  const cleaner = await SnapshotCleaner.start(idTag, keepMs);
  if (typeof cleaner === 'string') throw snapshotError(place, cleaner);
  return cleaner;
}

/** @returns the reason as a clause if it failed. */
async function change(file: 'lvcreate' | 'lvchange', args: readonly string[]): Promise<string> {
  return (await runProgram(file, ['--yes', ...args], bounds.volumeChangeTimeoutMs)).reason;
}

/**
 * Removes the one snapshot with this tag. udev may have it open for a moment.
 *
 * @returns the reason as a clause if it failed.
 */
async function removeByTag(idTag: string): Promise<string> {
  let failure = '';
  for (let count = 0; count < bounds.removalTries; count++) {
    if (count > 0) await sleep(tuning.removalRetryMs);
    const { reason } = await runProgram('lvremove', ['--yes', `@${idTag}`], bounds.volumeChangeTimeoutMs);
    if (reason === '') return '';
    failure = reason;
  }
  return failure;
}
