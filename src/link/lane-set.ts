import { bounds } from '../limits.ts';
import type { DataMessage } from '../protocol/messages.ts';
import type { Lane } from './lane.ts';

/** All lanes of a link. The first one carries the conversation; data frames use all of them. */
export class LaneSet {
  /** In the order in which they were added. */
  readonly #lanes: Lane[] = [];
  /** The one that carried the latest data frame comes last. */
  readonly #byTurn: Lane[] = [];

  add(lane: Lane): void {
    this.#lanes.push(lane);
    this.#byTurn.push(lane);
  }

  get count(): number {
    return this.#lanes.length;
  }

  get first(): Lane | undefined {
    return this.#lanes[0];
  }

  get further(): readonly Lane[] {
    return this.#lanes.slice(1);
  }

  /** Bytes that all lanes have received, apart from signs of life. */
  get substanceBytes(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.substanceBytes, 0);
  }

  /**
   * Sends a data frame over the lane with the shortest queue, and of equal ones over the one whose last turn was longest
   * ago. Resolves when this lane has room again.
   *
   * @param onTaken is called when the payload's memory is free again.
   */
  sendData(message: DataMessage, onTaken?: () => void): Promise<void> {
    const lane = this.#byTurn.reduce((least, one) => (one.queuedBytes < least.queuedBytes ? one : least));
    this.#byTurn.splice(this.#byTurn.indexOf(lane), 1);
    this.#byTurn.push(lane);
    return lane.send(message, onTaken);
  }

  /** Resolves when a lane has less than a data frame to send. */
  async room(): Promise<void> {
    while (this.#lanes.every((lane) => lane.isFull)) {
      await Promise.race(this.#lanes.map((lane) => lane.drained));
    }
  }

  /**
   * Whether a lane is dead. Lanes share the link: on a slow one, a lane can wait for minutes behind the data of the
   * others. As long as payload arrives on any lane, the silence of another one means nothing. The peer may open a lane
   * later than this side does, so a new lane has more time for its first byte.
   */
  isSilent(peerTimeoutMs: number): boolean {
    if (this.#lanes.some((lane) => lane.withoutPayloadMs <= peerTimeoutMs)) return false;
    return this.#lanes.some((lane, index) => {
      const isNew = index > 0 && !lane.hasReceived;
      return lane.silentMs > (isNew ? bounds.newLaneTimeouts : 1) * peerTimeoutMs;
    });
  }

  /** Restarts the measurement of silence. */
  touch(): void {
    for (const lane of this.#lanes) lane.touch();
  }

  pause(): void {
    for (const lane of this.#lanes) lane.pause();
  }

  resume(): void {
    for (const lane of this.#lanes) lane.resume();
  }

  /** Sends what is queued, then ends the streams. */
  async end(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.end()));
  }

  destroy(): void {
    for (const lane of this.#lanes) lane.destroy();
  }
}
