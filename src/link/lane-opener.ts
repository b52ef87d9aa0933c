import { bounds, tuning } from '../limits.ts';
import type { LaneAddress } from '../protocol/schemas.ts';
import type { Channel } from './channel.ts';
import type { LaneStreams } from './lane.ts';
import { isNear } from './throughput.ts';

/**
 * What carries a further lane: a channel within the first ssh connection, or a connection of its own. The former is ready
 * after a round trip or two, but shares what one TCP connection can carry. The latter takes a handshake, and asks for a key
 * or a password again.
 */
export type LaneConnection = 'shared' | 'own';

/** Connects one further lane to the agent. */
export type OpenLane = (address: LaneAddress, connection: LaneConnection) => Promise<LaneStreams>;

/**
 * Opens further lanes when they are needed. ssh allows 2 MiB in flight per channel, so with a long round trip one lane
 * leaves most of a fast link idle. Shared lanes come first, because they are ready at once. Connections of their own
 * follow, because the window of one TCP connection is limited, too. The run goes on without a lane that cannot be opened.
 */
export class LaneOpener {
  readonly #channel: Channel;
  readonly #furtherLanes: number;
  readonly #open: OpenLane;
  #timer: NodeJS.Timeout | undefined;

  /** @param furtherLanes the most connections besides the first one. */
  constructor(channel: Channel, furtherLanes: number, open: OpenLane) {
    this.#channel = channel;
    this.#furtherLanes = furtherLanes;
    this.#open = open;
  }

  /**
   * Opens lanes as soon as they pay.
   *
   * @param address where the agent accepts them; `null` where it does not.
   * @param certainBytes of data that this run will certainly move.
   */
  watch(address: LaneAddress | null, roundTripMs: number, certainBytes: number): void {
    if (address === null || this.#furtherLanes === 0 || isNear(roundTripMs)) {
      this.#channel.trace?.(`decision: no further lanes, because ${this.#reasonAgainst(address)}`);
      return;
    }
    if (certainBytes >= tuning.lanesAfterDataBytes) {
      this.#openAll(address);
      return;
    }
    this.#timer = setInterval(() => {
      if (this.#channel.dataBytes < tuning.lanesAfterDataBytes) return;
      this.stop();
      this.#openAll(address);
    }, tuning.laneCheckIntervalMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #reasonAgainst(address: LaneAddress | null): string {
    if (this.#furtherLanes === 0) return 'the run is limited to one';
    return address === null ? 'the agent accepts none' : 'the round trip is short';
  }

  #openAll(address: LaneAddress): void {
    const sharedLanes = Math.min(this.#furtherLanes, bounds.maxSharedLanes);
    this.#channel.trace?.(
      `decision: opening ${sharedLanes} lanes in the first connection and ${this.#furtherLanes} in connections of their own`,
    );
    for (let index = 0; index < sharedLanes; index++) void this.#openOne(address, 'shared');
    for (let index = 0; index < this.#furtherLanes; index++) void this.#openOne(address, 'own');
  }

  async #openOne(address: LaneAddress, connection: LaneConnection): Promise<void> {
    try {
      this.#channel.addLane(await this.#open(address, connection));
      this.#channel.trace?.(`A further lane (${connection} connection) carries data.`);
    } catch (error) {
      const { message } = error as Error;
      this.#channel.trace?.(`A further lane (${connection} connection) could not be opened: ${message}`);
    }
  }
}
