import { bounds, tuning } from '../limits.ts';
import type { LaneAddress } from '../protocol/schemas.ts';
import type { Channel } from './channel.ts';
import type { LaneStreams } from './lane.ts';
import { isNear } from './round-trip.ts';

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
  #hasOpened = false;

  /** @param furtherLanes the most connections besides the first one. */
  constructor(channel: Channel, furtherLanes: number, open: OpenLane) {
    this.#channel = channel;
    this.#furtherLanes = furtherLanes;
    this.#open = open;
  }

  /**
   * Opens lanes as soon as they pay. An earlier run over the same link may have opened them.
   *
   * @param address where the agent accepts them; `null` where it does not.
   * @param certainBytes of data that this run will certainly move.
   */
  watch(address: LaneAddress | null, roundTripMs: number, certainBytes: number): void {
    if (this.#hasOpened) return;
    const furtherLanes = Math.min(this.#furtherLanes, this.#usefulLanes(roundTripMs));
    if (address === null || furtherLanes === 0 || isNear(roundTripMs)) {
      this.#channel.trace?.(
        `decision: no further lanes, because ${this.#reasonAgainst(address, roundTripMs)}`,
      );
      return;
    }
    if (certainBytes >= tuning.lanesAfterDataBytes) {
      this.#openAll(address, furtherLanes);
      return;
    }
    this.#timer = setInterval(() => {
      if (this.#channel.dataBytes < tuning.lanesAfterDataBytes) return;
      this.stop();
      this.#openAll(address, furtherLanes);
    }, tuning.laneCheckIntervalMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** How many lanes besides the first one a limited link can use. Without a limit, any number. */
  #usefulLanes(roundTripMs: number): number {
    const { limitBytesPerMs } = this.#channel;
    if (limitBytesPerMs === undefined) return Infinity;
    return Math.max(0, Math.ceil((limitBytesPerMs * roundTripMs) / tuning.laneInFlightBytes) - 1);
  }

  #reasonAgainst(address: LaneAddress | null, roundTripMs: number): string {
    if (this.#furtherLanes === 0) return 'the run is limited to one';
    if (address === null) return 'the agent accepts none';
    return isNear(roundTripMs) ? 'the round trip is short' : 'one carries the limited rate';
  }

  #openAll(address: LaneAddress, furtherLanes: number): void {
    this.#hasOpened = true;
    const sharedLanes = Math.min(furtherLanes, bounds.maxSharedLanes);
    this.#channel.trace?.(
      `decision: opening ${sharedLanes} lanes in the first connection and ${furtherLanes} in connections of their own`,
    );
    for (let index = 0; index < sharedLanes; index++) void this.#openOne(address, 'shared');
    for (let index = 0; index < furtherLanes; index++) void this.#openOne(address, 'own');
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
