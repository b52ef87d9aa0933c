import { groupAfter, type FrameGroup } from '../../protocol/frame-group.ts';

/** Is called when all frames of a group are handed over, with the device bytes in them. */
export type GroupListener = (dataBytes: number) => void;

interface Group {
  readonly number: FrameGroup;
  /** Frames that are taken and not handed over. */
  frames: number;
  bytes: number;
  onHandedOver: GroupListener | undefined;
}

/** The place behind which a group ends. */
interface Mark {
  readonly acceptedBytes: number;
  readonly onHandedOver: GroupListener;
}

/**
 * Sorts the data frames of a source into groups. A group ends behind the ranges that had been accepted when it was closed,
 * so a target that has written it and all groups before it has written all of these ranges. Frames of later groups may be
 * in flight already: nothing waits for a checkpoint.
 */
export class FrameGroups {
  /** Those of which frames are still to be handed over, in order. The last one is open. */
  readonly #groups: Group[] = [newGroup(1)];
  readonly #marks: Mark[] = [];
  #takenBytes = 0;

  /** A frame takes the next accepted ranges. Returns the group that it belongs to. */
  take(lengthBytes: number): FrameGroup {
    const group = this.join();
    this.#takenBytes += lengthBytes;
    this.#closeReached();
    return group;
  }

  /** A frame that does not wait in the queue joins the open group. */
  join(): FrameGroup {
    this.#current.frames++;
    return this.#current.number;
  }

  /** The frame is handed to the channel. */
  handedOver(number: FrameGroup, lengthBytes: number): void {
    const group = this.#groups.find((each) => each.number === number)!;
    group.frames--;
    group.bytes += lengthBytes;
    this.#report();
  }

  /**
   * Closes a group behind the ranges that are accepted now, as soon as they are taken.
   *
   * @param acceptedBytes of all ranges so far that {@link take} takes. Never less than in the call before.
   * @param onHandedOver is called when its frames, and those of all groups before it, are handed over.
   */
  close(acceptedBytes: number, onHandedOver: GroupListener): void {
    this.#marks.push({ acceptedBytes, onHandedOver });
    this.#closeReached();
  }

  get #current(): Group {
    return this.#groups.at(-1)!;
  }

  #closeReached(): void {
    for (;;) {
      const [mark] = this.#marks;
      if (mark === undefined || this.#takenBytes < mark.acceptedBytes) break;
      this.#marks.shift();
      this.#current.onHandedOver = mark.onHandedOver;
      this.#groups.push(newGroup(groupAfter(this.#current.number)));
    }
    this.#report();
  }

  /** In the order of the groups. */
  #report(): void {
    for (;;) {
      const [{ frames, bytes, onHandedOver }] = this.#groups as [Group];
      if (onHandedOver === undefined || frames > 0) return;
      this.#groups.shift();
      onHandedOver(bytes);
    }
  }
}

function newGroup(number: FrameGroup): Group {
  return { number, frames: 0, bytes: 0, onHandedOver: undefined };
}
