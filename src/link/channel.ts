import { assert, BasynError, runEnded } from '../errors.ts';
import { limits } from '../limits.ts';
import { Lane, type LaneListener, type LaneStreams } from './lane.ts';
import type { DataMessage, Message } from '../protocol/messages.ts';
import { PayloadMemory } from './payload-memory.ts';
import { Pinger } from './pinger.ts';
import { RateMeter } from './rate-meter.ts';
import { ShortWay } from './short-way.ts';
import { StallWatch } from './stall-watch.ts';

interface Waiter {
  readonly resolve: (message: Message) => void;
  readonly reject: (error: BasynError) => void;
}

type ControlMessage = Exclude<Message, DataMessage>;

/** Is told that a flush begins: ours, or the peer's. */
export type FlushListener = (whose: 'ours' | 'theirs') => void;

/**
 * The conversation with the other side: messages out, messages in. It travels over one lane, and data frames
 * over further lanes too where there are any. The first failure ends it for good, and everybody who waits on
 * it hears of that failure.
 */
export class Channel {
  /** For the payloads of data frames, in both directions. */
  readonly memory = new PayloadMemory();
  /** In the order in which they were added: the first carries the conversation. */
  readonly #lanes: Lane[] = [];
  /** For data: the one that had its turn last stands last. */
  readonly #lanesByTurn: Lane[] = [];
  /** Said before there was a lane. */
  readonly #early: ControlMessage[] = [];
  /** Not taken yet. */
  readonly #arrived: { readonly message: Message; readonly lengthBytes: number }[] = [];
  #arrivedBytes = 0;
  readonly #rateMeter = new RateMeter();
  #pulse: NodeJS.Timeout | undefined;
  #waiter: Waiter | undefined;
  #failure: BasynError | undefined;
  readonly #pinger = new Pinger(() => this.send({ type: 'ping' }));
  #onFlush: FlushListener | undefined;
  #isPeerFlushing = false;
  #stallWatch: StallWatch | undefined;
  #hasOneLane = false;
  #roundTripMs: number | undefined;
  #dataBytes = 0;
  /** Payloads in the lanes' hands that the other side has not confirmed. */
  #onTheWayBytes = 0;
  /** What bounds them on a short way; on a long one, it is the lanes themselves. */
  #shortWay: ShortWay | undefined;
  #isPaused = false;

  /**
   * From now on, silence of the other side for `peerTimeoutMs` is a failure, and it hears of us too.
   *
   * @param isWorking whether this side works on its device: then the peer is told, and owes us no message.
   */
  watch(peerTimeoutMs: number, isWorking: () => boolean): void {
    assert(this.#pulse === undefined, 'the channel is watched already');
    for (const lane of this.#lanes) lane.touch();
    this.#stallWatch = new StallWatch(peerTimeoutMs);
    this.#pulse = setInterval(
      () => this.#keepAlive(peerTimeoutMs, isWorking()),
      Math.ceil(peerTimeoutMs / 4),
    );
    this.#pulse.unref();
  }

  /** The first lane begins the conversation; over any further one, data frames may travel too. */
  addLane(streams: LaneStreams): void {
    const isFirst = this.#lanes.length === 0;
    const listener: LaneListener = {
      onMessage: (message, lengthBytes) => this.#arrive(message, lengthBytes, lane),
      onEnd: (error = new BasynError('connection', 'The other side closed the connection.')) => {
        if (isFirst) this.fail(error);
        // The reason, if the other side tells one, comes over the first lane, and maybe later.
        else setTimeout(() => this.fail(error), limits.laneEndGraceMs).unref();
      },
    };
    const lane: Lane = new Lane(streams, listener, this.#rateMeter, this.memory);
    this.#lanes.push(lane);
    this.#lanesByTurn.push(lane);
    for (const message of this.#early.splice(0)) this.send(message);
  }

  /** No further lane will be added. */
  useOneLane(): void {
    this.#hasOneLane = true;
  }

  /** Whether everything that the peer has sent before a message has come before it. */
  get isInOrder(): boolean {
    return this.#hasOneLane && this.#lanes.length === 1;
  }

  /** Payload that was sent and that the peer has not confirmed. */
  get unconfirmedBytes(): number {
    return this.#onTheWayBytes;
  }

  /** Bytes of data frames that went either way so far. */
  get dataBytes(): number {
    return this.#dataBytes;
  }

  /** How fast data gets through when the lanes are busy; undefined until they were. */
  get bytesPerMs(): number | undefined {
    return (this.#shortWay ?? this.#rateMeter).bytesPerMs;
  }

  /** How long the way is; undefined until one of the sides has measured it. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** The other side has measured it. */
  learnRoundTripMs(roundTripMs: number): void {
    this.#roundTripMs = roundTripMs;
    if (roundTripMs < limits.longRoundTripMs) this.#shortWay ??= new ShortWay();
  }

  /**
   * Asks the other side for a sign of life. Resolves with the time that its answer took.
   *
   * @throws {BasynError} the channel's failure.
   */
  async ping(): Promise<number> {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#pinger.ping();
  }

  /**
   * Finds out how long the way is: the shortest of several answers, because both sides may be busy with starting. To be
   * done before there is data to wait behind. Takes little longer than one round trip, on a long way.
   *
   * @param shortMs an answer that takes less is short enough: no further one is waited for.
   * @throws {BasynError} the channel's failure.
   */
  async measureRoundTripMs(shortMs: number): Promise<number> {
    if (this.#failure !== undefined) throw this.#failure;
    const roundTripMs = await this.#pinger.shortestAnswerMs(shortMs);
    this.learnRoundTripMs(roundTripMs);
    return roundTripMs;
  }

  /** Whoever shows the run is told of flushes on both sides. */
  onFlush(listener: FlushListener): void {
    this.#onFlush = listener;
  }

  /** Tells the peer, before a flush of our device begins, that what it waits for may take as long as the flush takes. */
  announceFlush(): void {
    this.#onFlush?.('ours');
    this.send({ type: 'flushing' });
  }

  /** Whether the last that the peer has said, apart from signs of life, is that it flushes its device. */
  get isPeerFlushing(): boolean {
    return this.#isPeerFlushing;
  }

  /** Sends a message that is small, or bounded by what was asked for. Without a lane yet, it waits for one. */
  send(message: ControlMessage): void {
    // After a failure of the conversation, the peer should still learn the reason.
    if (this.#failure !== undefined && message.type !== 'failure') return;
    const [primary] = this.#lanes;
    if (primary === undefined) this.#early.push(message);
    else void primary.send(message);
  }

  /** Bytes of messages that the first lane has accepted and the system has not taken yet. */
  get queuedBytes(): number {
    return this.#lanes[0]?.queuedBytes ?? 0;
  }

  /** Resolves when a data frame with such a payload may be sent. */
  async roomForData(payloadBytes: number): Promise<void> {
    await this.#shortWay?.enter(payloadBytes);
  }

  /**
   * Sends a data frame, for which there is {@link roomForData}, over the lane with the shortest queue. Resolves when this
   * lane has room again.
   *
   * @param onTaken is called when the payload's memory may be used for something else.
   */
  async sendData(message: DataMessage, onTaken?: () => void): Promise<void> {
    const payloadBytes = message.payload.byteLength;
    if (this.#failure !== undefined) throw this.#failure;
    this.#onTheWayBytes += payloadBytes;
    this.#dataBytes += payloadBytes;
    const lane = this.#lanesByTurn.reduce((least, one) =>
      one.queuedBytes < least.queuedBytes ? one : least,
    );
    // Of equal ones, the one that had its turn longest ago.
    this.#lanesByTurn.splice(this.#lanesByTurn.indexOf(lane), 1);
    this.#lanesByTurn.push(lane);
    await lane.send(message, onTaken);
  }

  /**
   * The other side is done with so much of the payloads.
   *
   * @throws {BasynError} `protocol`, where it can't have.
   */
  confirmed(payloadBytes: number): void {
    if (payloadBytes > this.#onTheWayBytes) {
      throw new BasynError('protocol', 'The other side confirmed more payload than it was sent.');
    }
    this.#onTheWayBytes -= payloadBytes;
    this.#shortWay?.leave(payloadBytes);
  }

  /**
   * The next message.
   *
   * @throws {BasynError} the channel's failure; the other side's own, where it sent one.
   */
  next(): Promise<Message> {
    return new Promise((resolve, reject) => {
      const arrived = this.#arrived.shift();
      if (arrived !== undefined) {
        this.#arrivedBytes -= arrived.lengthBytes;
        resolve(arrived.message);
        this.#resumeWhenRead();
      } else if (this.#failure !== undefined) {
        reject(this.#failure);
      } else {
        this.#waiter = { resolve, reject };
      }
    });
  }

  /** Ends the conversation with an error: nothing more is sent or heard. */
  fail(error: BasynError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    clearInterval(this.#pulse);
    this.#waiter?.reject(error);
    this.#waiter = undefined;
    this.#pinger.fail(error);
  }

  /** Says what is queued to the end, then that no more follows. */
  async end(): Promise<void> {
    this.fail(new BasynError('connection', 'The conversation is over.'));
    await Promise.all(this.#lanes.map((lane) => lane.end()));
  }

  /** Drops everything. */
  destroy(): void {
    this.fail(runEnded());
    for (const lane of this.#lanes) lane.destroy();
  }

  #arrive(message: Message, lengthBytes: number, lane: Lane): void {
    if (this.#failure !== undefined) return;
    const isFirst = lane === this.#lanes[0];
    if (message.type === 'ping') {
      // Whoever doesn't read our answers gets no more of them: they would only fill the memory.
      if (lane.queuedBytes < limits.maxPayloadBytes) void lane.send({ type: 'pong' });
    } else if (message.type === 'pong') {
      if (isFirst) this.#pinger.pong();
    } else if (message.type === 'working') {
      this.#stallWatch?.peerWorks();
    } else if (!isFirst && message.type !== 'data') {
      this.fail(new BasynError('protocol', `The other side sent "${message.type}" over a further lane.`));
    } else if (message.type === 'failure') {
      this.fail(BasynError.fromRecord(message));
    } else if (message.type === 'flushing') {
      this.#isPeerFlushing = true;
      this.#onFlush?.('theirs');
    } else {
      this.#isPeerFlushing = false;
      if (message.type === 'data') this.#dataBytes += message.payload.byteLength;
      this.#queue(message, lengthBytes);
    }
  }

  #queue(message: Message, lengthBytes: number): void {
    if (this.#waiter !== undefined) {
      this.#waiter.resolve(message);
      this.#waiter = undefined;
      return;
    }
    this.#arrived.push({ message, lengthBytes });
    this.#arrivedBytes += lengthBytes;
    const isFull = this.#arrived.length >= limits.queuedMessages || this.#arrivedBytes >= limits.queuedBytes;
    if (isFull && !this.#isPaused) this.#pause();
  }

  /** The roles take every message at once, and bound by windows what may be under way. This bounds the rest. */
  #pause(): void {
    this.#isPaused = true;
    for (const lane of this.#lanes) lane.pause();
  }

  #resumeWhenRead(): void {
    if (!this.#isPaused || this.#arrived.length > 0) return;
    this.#isPaused = false;
    for (const lane of this.#lanes) lane.resume();
  }

  /** Whatever else goes on, a side that lives is heard of four times per timeout, on every lane. */
  #keepAlive(peerTimeoutMs: number, isWorking: boolean): void {
    if (!this.#isPaused && this.#isSilent(peerTimeoutMs)) {
      const seconds = Math.round(peerTimeoutMs / 1000);
      this.fail(
        new BasynError('connection', `Nothing came from the other side for ${seconds} seconds.`, {
          remedy: 'longer-timeout',
        }),
      );
      return;
    }
    const { hasReceived, error } = this.#stallWatch!.look({
      substanceBytes: this.#lanes.reduce((sum, lane) => sum + lane.substanceBytes, 0),
      isWaiting: this.#waiter !== undefined && !isWorking && !this.#isPaused,
      isPeerFlushing: this.#isPeerFlushing,
      unansweredPingMs: this.#isPaused ? 0 : this.#pinger.unansweredMs,
      isSending: this.#onTheWayBytes > 0 || this.queuedBytes > 0,
    });
    if (error !== undefined) {
      this.fail(error);
      return;
    }
    if (hasReceived || isWorking) this.send({ type: 'working' });
    // Whoever takes the messages hears of a failure.
    this.ping().catch(() => undefined);
    for (const lane of this.#lanes.slice(1)) void lane.send({ type: 'ping' });
  }

  /**
   * Lanes share a link. On a slow one, what a lane carries can wait for minutes behind the data of the others: as long as
   * payload arrives at all, the silence of a single lane means nothing. The peer may open a lane later than we do, so a
   * new lane has more time for its first byte.
   */
  #isSilent(peerTimeoutMs: number): boolean {
    if (this.#lanes.some((lane) => lane.withoutPayloadMs <= peerTimeoutMs)) return false;
    return this.#lanes.some((lane, index) => {
      const isNew = index > 0 && !lane.hasReceived;
      return lane.silentMs > (isNew ? limits.newLaneTimeouts : 1) * peerTimeoutMs;
    });
  }
}
