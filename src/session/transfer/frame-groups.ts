/** The tag of data frames that one checkpoint covers. Two are in use at once at most. */
export type FrameGroup = 1 | 2;

export const otherGroup = { 1: 2, 2: 1 } as const satisfies Record<FrameGroup, FrameGroup>;

/**
 * Sorts the data frames of a source into groups. A group is closed behind the ranges that have been accepted by then, so a
 * target that has written the whole group has written all of them. The frames in flight may belong to the next group
 * already: nothing waits for a checkpoint.
 */
export class FrameGroups {
  readonly #open: Record<FrameGroup, { bytes: number; frames: number }> = {
    1: { bytes: 0, frames: 0 },
    2: { bytes: 0, frames: 0 },
  };
  #current: FrameGroup = 1;
  #takenBytes = 0;
  #onChange: (() => void) | undefined;

  /** A frame takes the next accepted ranges. Returns the group that it belongs to. */
  take(lengthBytes: number): FrameGroup {
    this.#takenBytes += lengthBytes;
    this.#open[this.#current].frames++;
    this.#onChange?.();
    return this.#current;
  }

  /** A frame that does not wait in the queue joins the current group. */
  join(): FrameGroup {
    this.#open[this.#current].frames++;
    return this.#current;
  }

  /** The frame is handed to the channel. */
  handedOver(group: FrameGroup, lengthBytes: number): void {
    this.#open[group].frames--;
    this.#open[group].bytes += lengthBytes;
    this.#onChange?.();
  }

  /**
   * Closes the current group once it has all ranges that are accepted now. One call at a time.
   *
   * @param acceptedBytes of all ranges so far that {@link take} takes.
   * @returns the device bytes in the frames of the group, when all of them are handed over.
   */
  async close(acceptedBytes: number): Promise<number> {
    await this.#until(() => this.#takenBytes >= acceptedBytes);
    const closed = this.#open[this.#current];
    this.#current = otherGroup[this.#current];
    await this.#until(() => closed.frames === 0);
    const { bytes } = closed;
    closed.bytes = 0;
    return bytes;
  }

  async #until(isReached: () => boolean): Promise<void> {
    while (!isReached()) {
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
      });
    }
  }
}
