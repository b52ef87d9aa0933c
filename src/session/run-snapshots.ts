import {
  identityAt,
  joinedIdentity,
  lastingIdentityOf,
  nameOf,
  openSource,
  type Location,
  type OpenedDevice,
} from '../device/device.ts';
import { BasynError } from '../errors.ts';
import type { Snapshot } from '../lvm/snapshot.ts';

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
  /** The run has failed, and its devices are not closed yet. */
  readonly fail: (thrown: unknown) => void;
  /** The run has failed, and the snapshot is closed. Resolves with the error that explains the failure best. */
  readonly failed: (thrown: unknown) => Promise<unknown>;
  /** The run has succeeded, and the snapshot is closed. */
  readonly release: () => Promise<void>;
}

/** The snapshot that the attempts of a run read, one after the other. */
export class RunSnapshots {
  readonly #order: SnapshotOrder;
  #held: Snapshot | undefined;

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
        snapshot: this.#heldOf(snapshot),
      };
    } catch (error) {
      throw await this.#failed(snapshot, error);
    }
  }

  /** Removes the snapshot where the run has failed between two attempts. If that fails, its guard goes on trying. */
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

  #heldOf(snapshot: Snapshot): HeldSnapshot {
    return {
      uuid: snapshot.volume.uuid,
      requireValid: () => snapshot.requireValid(),
      fail: (thrown) => {
        if (!this.#order.mayContinue(BasynError.from(thrown))) snapshot.keepNoLonger();
      },
      failed: (thrown) => this.#failed(snapshot, thrown),
      release: () => this.#remove(),
    };
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
    // The guard of the snapshot goes on trying. The failure of the run is what the user has to know.
    await snapshot.remove().catch(() => undefined);
    return overflow?.remedy === 'snapshot-size'
      ? new BasynError(overflow.code, overflow.message, overflow, { cause: thrown })
      : thrown;
  }
}

/** Also where LVM can't be asked now, the snapshot is not relied on. */
async function isValid(snapshot: Snapshot): Promise<boolean> {
  return snapshot.requireValid().then(
    () => true,
    () => false,
  );
}
