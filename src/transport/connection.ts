import type { BasynError } from '../errors.ts';
import type { LaneStreams, LaneWay } from '../protocol/lane.ts';
import type { LaneMeeting } from '../protocol/schemas.ts';

/** Bytes in each direction. */
export interface Traffic {
  readonly receivedBytes: number;
  readonly transmittedBytes: number;
}

/** A way to an agent on the other side. */
export interface Connection {
  /**
   * The agent's ends of the streams, once its loader has said hello and been sent the agent.
   *
   * @throws {BasynError} `connection`, with the reason in one sentence: unreachable, refused, no node, too old a
   *   node, a shell that prints noise.
   */
  readonly ready: Promise<LaneStreams>;
  /**
   * Opens one more way to the agent that runs.
   *
   * @throws {BasynError} `connection`, also where a person would have to authenticate once more.
   */
  openLane(meeting: LaneMeeting, way: LaneWay): Promise<LaneStreams>;
  /** Bytes at the pipes so far, the agent's own program included. */
  traffic(): Traffic;
  /** Lets the other side end by itself, and ends it if it doesn't. Resolves when nothing is left running. */
  close(): Promise<void>;
  /** Ends the other side now. Resolves when nothing is left running. */
  stop(): Promise<void>;
  /** A failure of the conversation, with what is known here of its cause. */
  explain(error: BasynError): Promise<BasynError>;
}
