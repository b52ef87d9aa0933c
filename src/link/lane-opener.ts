import { limits } from '../limits.ts';
import type { Channel } from './channel.ts';
import type { LaneStreams, LaneWay } from './lane.ts';
import type { LaneMeeting } from '../protocol/schemas.ts';

/** Opens one more way to the agent. */
export type OpenLane = (meeting: LaneMeeting, way: LaneWay) => Promise<LaneStreams>;

/**
 * Opens further lanes when they are needed: ssh lets 2 MiB per round trip through, so on a long way one lane
 * leaves most of a fast link idle. Channels within the first connection are there after a round trip or two, and need no
 * further key or password; connections of their own follow, as one TCP connection has a window too. A lane that can't be
 * opened is done without.
 */
export class LaneOpener {
  readonly #channel: Channel;
  readonly #furtherLanes: number;
  readonly #open: OpenLane;
  readonly #onOutcome: (message: string) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(channel: Channel, furtherLanes: number, open: OpenLane, onOutcome: (message: string) => void) {
    this.#channel = channel;
    this.#furtherLanes = furtherLanes;
    this.#open = open;
    this.#onOutcome = onOutcome;
  }

  /**
   * From now on opens lanes once there is a need.
   *
   * @param roundTripMs how long the way is.
   * @param certainBytes of data that will be moved, whatever is found.
   */
  watch(meeting: LaneMeeting | null, roundTripMs: number, certainBytes: number): void {
    if (meeting === null || this.#furtherLanes === 0 || roundTripMs < limits.longRoundTripMs) return;
    this.#onOutcome(`The round trip takes ${roundTripMs.toFixed(1)} ms.`);
    if (certainBytes >= limits.lanesAfterDataBytes) {
      this.#openAll(meeting);
      return;
    }
    this.#timer = setInterval(() => {
      if (this.#channel.dataBytes < limits.lanesAfterDataBytes) return;
      this.stop();
      this.#openAll(meeting);
    }, limits.laneCheckIntervalMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #openAll(meeting: LaneMeeting): void {
    const sharedLanes = Math.min(this.#furtherLanes, limits.maxSharedLanes);
    for (let index = 0; index < sharedLanes; index++) void this.#openOne(meeting, 'shared');
    for (let index = 0; index < this.#furtherLanes; index++) void this.#openOne(meeting, 'own');
  }

  async #openOne(meeting: LaneMeeting, way: LaneWay): Promise<void> {
    try {
      this.#channel.addLane(await this.#open(meeting, way));
      this.#onOutcome(`A further lane (${way} connection) carries data.`);
    } catch (error) {
      this.#onOutcome(`A further lane (${way} connection) could not be opened: ${(error as Error).message}`);
    }
  }
}
