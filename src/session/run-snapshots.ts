import type { Place } from '../device/open.ts';
import {
  identityAt,
  joinedIdentity,
  lastingIdentityOf,
  nameOf,
  openSource,
  type Location,
  type OpenedDevice,
} from '../device/device.ts';
import type { Geometry } from '../digest/geometry.ts';
import { BasynError } from '../errors.ts';
import type { Snapshot } from '../lvm/snapshot.ts';
import type { Base } from '../lvm/thin/base.ts';
import type { Coverage } from './coverage.ts';
import { RunCollector } from './run-collector.ts';

/** What a run wants of its snapshot. */
export interface SnapshotOrder {
  /** Of a classic snapshot. Undefined for a thin one. */
  readonly sizeBytes: number | undefined;
  /** Names the run where a later attempt finds the snapshot by its tag, in another process. */
  readonly runToken: string | undefined;
  /** Whether a failure may be followed by another attempt, which needs the same snapshot. */
  readonly mayContinue: (failure: BasynError) => boolean;
}

/** What a run knows of the snapshot that it reads. */
export interface HeldSnapshot {
  /** Another snapshot has another one. */
  readonly uuid: string;
  /** @throws {BasynError} `device`, where what was read may not be what the volume held at one moment. */
  readonly requireValid: () => Promise<void>;
  /** What may have changed since a base that an earlier run has kept; or in a sentence why that can't be determined. */
  readonly changesSince: (base: unknown, geometry: Geometry) => Promise<Coverage | string>;
  /** The run has failed, and its devices are not closed yet. */
  readonly fail: (thrown: unknown) => void;
  /** The run has failed, and the snapshot is closed. Resolves with the error that explains the failure best. */
  readonly failed: (thrown: unknown) => Promise<unknown>;
  /** The run has succeeded, and the snapshot is closed. It is removed, or kept as a base. */
  readonly release: () => Promise<void>;
}

/** The snapshot that the attempts of a run read, one after the other. */
export class RunSnapshots {
  readonly #order: SnapshotOrder;
  #held: Snapshot | undefined;
  /** The source and the target for which the snapshot is kept at the end. */
  #pairId: string | undefined;
  #kept: { readonly place: Place; readonly base: Base } | undefined;
  readonly #warnings: string[] = [];

  constructor(order: SnapshotOrder) {
    this.#order = order;
  }

  /**
   * Opens the snapshot of the volume at a path: the one of the last attempt, or a new one. Messages name the path.
   *
   * @throws {BasynError} `device`, where there can be no snapshot.
   */
  async open(path: string, location: Location): Promise<OpenedDevice & { readonly snapshot: HeldSnapshot }> {
    const place = { ...location, role: 'source', path } as const;
    const snapshot = await this.#take(path, location);
    try {
      const { handle, identity, ...opened } = await openSource(snapshot.devicePath, location);
      const named = { ...opened, handle: { ...handle, path, isSkippable: true as const } };
      if (lastingIdentityOf(handle).lasting !== `dm/uuid ${snapshot.kernelUuid}`) {
        await opened.close();
        const message = `${nameOf(named.handle)}: ${snapshot.devicePath} is not the snapshot ${snapshot.name}.`;
        throw new BasynError('device', message, { side: handle.side, device: path });
      }
      return {
        ...named,
        // Writing to the volume is no less fatal than writing to its snapshot.
        identity: joinedIdentity(identity, identityAt(place)),
        notes: [
          ...snapshot.notes,
          `${nameOf(named.handle)} is read from the snapshot ${snapshot.name}.`,
          ...opened.notes,
        ],
        snapshot: this.#heldOf(snapshot, place),
      };
    } catch (error) {
      throw await this.#failed(snapshot, error);
    }
  }

  /**
   * A run that succeeds keeps its snapshot as the base of the next run, if that is possible.
   *
   * @param pairId names the source and the target, in hexadecimal.
   */
  keepFor(pairId: string): void {
    this.#pairId = pairId;
  }

  /** The snapshot that was kept. Plain JSON. Undefined if there is none. */
  get base(): unknown {
    return this.#kept?.base;
  }

  /** Why there is no base, as sentences. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** The base is recorded, durably: those of earlier runs are not needed any more. Returns warnings. */
  async removeOtherBases(): Promise<string[]> {
    if (this.#kept === undefined || this.#pairId === undefined) return [];
    const { removeOtherBases } = await import('../lvm/thin/chain.ts');
    const { place, base } = this.#kept;
    try {
      await removeOtherBases(place, base, this.#pairId);
      return [];
    } catch (error) {
      return [`${BasynError.from(error).message} The next run tries to remove it.`];
    }
  }

  /** Removes the snapshot where the run has failed between two attempts. If that fails, its cleaner goes on trying. */
  async abandon(): Promise<void> {
    await this.#remove().catch(() => undefined);
  }

  async #remove(): Promise<void> {
    const snapshot = this.#held;
    this.#held = undefined;
    await snapshot?.remove();
  }

  async #take(path: string, location: Location): Promise<Snapshot> {
    const { sizeBytes, runToken } = this.#order;
    const earlier = this.#held;
    if (earlier !== undefined && (await isValid(earlier))) return earlier;
    await this.#remove();
    const { takeSnapshot } = await import('../lvm/snapshot.ts');
    const place = { ...location, role: 'source', path } as const;
    return (this.#held = await takeSnapshot(place, { sizeBytes, runToken }));
  }

  #heldOf(snapshot: Snapshot, place: Place): HeldSnapshot {
    return {
      uuid: snapshot.volume.uuid,
      requireValid: () => snapshot.requireValid(),
      changesSince: (base, geometry) => changesSince(snapshot, place, { base, geometry }),
      fail: (thrown) => {
        if (!this.#order.mayContinue(BasynError.from(thrown))) snapshot.keepNoLonger();
      },
      failed: (thrown) => this.#failed(snapshot, thrown),
      release: () => this.#release(snapshot, place),
    };
  }

  async #release(snapshot: Snapshot, place: Place): Promise<void> {
    if (this.#pairId === undefined || snapshot.volume.kind !== 'thin') return this.#remove();
    const { keepAsBase } = await import('../lvm/thin/chain.ts');
    try {
      const base = await keepAsBase(place, snapshot, this.#pairId);
      this.#kept = { place, base };
      this.#held = undefined;
    } catch (error) {
      this.#warnings.push(`${BasynError.from(error).message} The next run reads all of the source.`);
      await this.#remove();
    }
  }

  /** A snapshot that has overflowed can't be read: that explains a read error, and is no reason to try again. */
  async #failed(snapshot: Snapshot, thrown: unknown): Promise<unknown> {
    const error = BasynError.from(thrown);
    if (this.#order.mayContinue(error)) return thrown;
    const overflow =
      error.code === 'device'
        ? await snapshot.requireValid().then(
            () => undefined,
            (reason: unknown) => BasynError.from(reason),
          )
        : undefined;
    this.#held = undefined;
    // The cleaner of the snapshot goes on trying. The failure of the run is what the user has to know.
    await snapshot.remove().catch(() => undefined);
    return overflow?.remedy === 'snapshot-size'
      ? new BasynError(overflow.code, overflow.message, overflow, { cause: thrown })
      : thrown;
  }
}

interface SinceBase {
  /** As an earlier run has recorded it. */
  readonly base: unknown;
  readonly geometry: Geometry;
}

async function changesSince(
  snapshot: Snapshot,
  place: Place,
  { base, geometry }: SinceBase,
): Promise<Coverage | string> {
  const [{ parseBase }, { listChanges }] = await Promise.all([
    import('../lvm/thin/base.ts'),
    import('../lvm/thin/chain.ts'),
  ]);
  const parsed = parseBase(base);
  if (parsed === undefined) return 'The recorded base of the source has an unknown form.';
  const collector = new RunCollector(geometry);
  const listener = {
    changed: (offsetBytes: number, lengthBytes: number) => collector.addBytes(offsetBytes, lengthBytes),
    unchanged: () => undefined,
  };
  return (await listChanges(place, parsed, snapshot, listener)) ?? collector.coverage();
}

/** Also where LVM can't be asked now, the snapshot is not relied on. */
async function isValid(snapshot: Snapshot): Promise<boolean> {
  return snapshot.requireValid().then(
    () => true,
    () => false,
  );
}
