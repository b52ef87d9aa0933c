import { setTimeout as sleep } from 'node:timers/promises';
import { assert, BasynError, runEnded } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { DataMessage, FailureMessage, Message, WrittenMessage } from '../protocol/messages.ts';
import type { Trace } from '../trace.ts';
import { Inbox } from './inbox.ts';
import { KeepAlive } from './keep-alive.ts';
import { Lane, type LaneStreams } from './lane.ts';
import { LaneSet } from './lane-set.ts';
import { messageTrace } from './message-trace.ts';
import { PayloadMemory } from './payload-memory.ts';
import { Pinger } from './pinger.ts';
import { isNear, measureRoundTripMs } from './round-trip.ts';
import { SendWindow } from './send-window.ts';
import { ThroughputMeter } from './throughput-meter.ts';
import type { LinkSpeed } from './link-speed.ts';

type ControlMessage = Exclude<Message, DataMessage>;

/** Is called when a flush begins: ours, or the peer's. */
export type FlushListener = (whose: 'ours' | 'theirs') => void;

/** A data frame that a lane has accepted. */
export interface SentData {
  /** Resolves when the lane has room for the next frame. */
  readonly drained: Promise<void>;
}

/**
 * The conversation with the peer: messages out, messages in. All messages use the first lane; data frames use every lane.
 * The first failure ends the conversation for good, and everyone who waits for a message receives it.
 */
export class Channel {
  /** For the payloads of data frames, in both directions. */
  readonly memory = new PayloadMemory();
  #trace: Trace | undefined;
  readonly #lanes = new LaneSet();
  readonly #inbox = new Inbox(this.#lanes);
  readonly #window = new SendWindow();
  readonly #laneMeter = new ThroughputMeter();
  readonly #pinger = new Pinger(() => this.send({ type: 'ping' }));
  /** Sent before there was a lane. */
  readonly #early: ControlMessage[] = [];
  #keepAlive: KeepAlive | undefined;
  #failure: BasynError | undefined;
  #onFlush: FlushListener | undefined;
  #isPeerFlushing = false;
  #deviceWaits = 0;
  #hasOneLane = false;
  #roundTripMs: number | undefined;
  #limitBytesPerMs: number | undefined;
  #dataBytes = 0;
  #isReusable = false;

  constructor(trace?: Trace) {
    this.#trace = trace;
  }

  /** For decisions about this conversation. Undefined where no trace was asked for. */
  get trace(): Trace | undefined {
    return this.#trace;
  }

  /** Sends the decisions of this side to the peer from now on. The peer traces all messages itself. */
  sendTrace(): void {
    this.#trace = (line) =>
      this.send({ type: 'trace', line: line.slice(0, bounds.maxErrorMessageCharacters) });
  }

  /**
   * Starts to send signs of life. From now on, silence of the peer for `peerTimeoutMs` is a failure.
   *
   * @param isWorking whether this side works on its device: it then tells the peer, and expects no message from it.
   */
  watch(peerTimeoutMs: number, isWorking: () => boolean): void {
    assert(this.#keepAlive === undefined, 'the channel is watched already');
    this.#lanes.touch();
    this.#keepAlive = new KeepAlive(
      {
        lanes: this.#lanes,
        inbox: this.#inbox,
        window: this.#window,
        pinger: this.#pinger,
        isWorking: () => this.#deviceWaits > 0 || isWorking(),
        isPeerFlushing: () => this.#isPeerFlushing,
        sendWorking: () => this.send({ type: 'working' }),
        onDead: (error) => this.fail(error),
      },
      peerTimeoutMs,
    );
  }

  get isWatched(): boolean {
    return this.#keepAlive !== undefined;
  }

  /** The agent serves a further run after this one. */
  learnReuse(): void {
    this.#isReusable = true;
  }

  /** Whether a further run can use the conversation. */
  get isReusable(): boolean {
    return this.#isReusable && this.#failure === undefined;
  }

  /** Waits for the device of this side, without a job. Meanwhile it tells the peer, and expects no message from it. */
  async working<T>(wait: Promise<T>): Promise<T> {
    this.#deviceWaits++;
    try {
      return await wait;
    } finally {
      this.#deviceWaits--;
    }
  }

  /** The first lane starts the conversation. Further ones carry data frames, too. */
  addLane(streams: LaneStreams): void {
    const isFirst = this.#lanes.count === 0;
    const lane: Lane = new Lane(
      streams,
      {
        onMessage: (message, frameBytes) => this.#receive(message, frameBytes, lane),
        onEnd: (error = connectionClosed()) => {
          if (isFirst) this.fail(error);
          // The peer sends its reason over the first lane, where it may arrive later.
          else setTimeout(() => this.fail(error), bounds.laneEndGraceMs).unref();
        },
      },
      {
        meter: this.#laneMeter,
        memory: this.memory,
        trace: this.#trace && messageTrace(this.#trace, this.#lanes.count + 1),
      },
    );
    this.#lanes.add(lane);
    for (const message of this.#early.splice(0)) this.send(message);
  }

  /** No further lane will be added. */
  useOneLane(): void {
    this.#hasOneLane = true;
  }

  /** What ended the conversation. Undefined while it goes on. */
  get failure(): BasynError | undefined {
    return this.#failure;
  }

  /** Whether messages arrive in the order in which the peer sent them. */
  get isInOrder(): boolean {
    return this.#hasOneLane && this.#lanes.count === 1;
  }

  /** Bytes of payload that data frames have carried so far, in both directions. */
  get dataBytes(): number {
    return this.#dataBytes;
  }

  /** What has been measured so far. */
  get speed(): LinkSpeed {
    const { bytesPerMs } = this.#window.near ?? this.#laneMeter;
    const limit = this.#limitBytesPerMs;
    return {
      bytesPerMs: limit === undefined ? bytesPerMs : Math.min(limit, bytesPerMs ?? limit),
      roundTripMs: this.#roundTripMs,
    };
  }

  /** The user's limit on the link, which makes it a slow one. Without it, only the transfer itself shows the rate. */
  learnLimit(bytesPerSecond: number): void {
    this.#limitBytesPerMs = bytesPerSecond / 1000;
  }

  /** Undefined without a limit. */
  get limitBytesPerMs(): number | undefined {
    return this.#limitBytesPerMs;
  }

  /** The round-trip time, which one of the sides has measured. A short one limits the data in flight from now on. */
  learnRoundTripMs(roundTripMs: number): void {
    this.#roundTripMs = roundTripMs;
    if (isNear(roundTripMs)) this.#window.limit();
    this.#trace?.(
      `decision: a round trip of ${roundTripMs.toFixed(1)} ms is ${isNear(roundTripMs) ? 'short' : 'long'}`,
    );
  }

  /**
   * Measures the round-trip time, which decides on lanes and compression. It must be measured before data queues. On a
   * link with a long round trip, this takes little more than one.
   *
   * @param shortMs an answer that takes less is short enough: no further one is needed.
   * @throws {BasynError} the channel's failure.
   */
  async measureRoundTripMs(shortMs: number): Promise<number> {
    const roundTripMs = await measureRoundTripMs(() => this.#pinger.ping(), shortMs);
    this.learnRoundTripMs(roundTripMs);
    return roundTripMs;
  }

  /** Whether the peer answers a ping within this time. */
  async answersWithin(timeoutMs: number): Promise<boolean> {
    const silence = sleep(timeoutMs, false, { ref: false });
    const answer = this.#pinger.ping().then(
      () => true,
      () => false,
    );
    return Promise.race([answer, silence]);
  }

  /** @param listener is called when a flush begins on either side. */
  onFlush(listener: FlushListener): void {
    this.#onFlush = listener;
  }

  /** Tells the peer, before a flush of our device begins, that our next message may take as long as the flush. */
  announceFlush(): void {
    this.#onFlush?.('ours');
    this.send({ type: 'flushing' });
  }

  /** Whether the peer's last message, apart from signs of life, announced a flush. */
  get isPeerFlushing(): boolean {
    return this.#isPeerFlushing;
  }

  /** Sends a message that is small, or bounded by a request. Before there is a lane, it waits for one. */
  send(message: ControlMessage): void {
    // After a failure, the peer should still receive the reason.
    if (this.#failure !== undefined && message.type !== 'failure') return;
    const { first } = this.#lanes;
    if (first === undefined) this.#early.push(message);
    else void first.send(message);
  }

  /** Bytes of messages that the first lane has accepted and the system has not taken yet. */
  get queuedBytes(): number {
    return this.#lanes.first?.queuedBytes ?? 0;
  }

  /** Resolves when a lane has little to send. A failure of the channel ends the wait. */
  laneRoom(): Promise<void> {
    return this.#lanes.room();
  }

  /**
   * Waits until the window has room for a data frame, and hands it to a lane. {@link confirmed} makes room again.
   *
   * @param onTaken is called when the payload's memory is free again.
   * @throws {BasynError} the channel's failure.
   */
  async sendData(message: DataMessage, onTaken?: () => void): Promise<SentData> {
    await this.#window.enter(message.payload.byteLength);
    if (this.#failure !== undefined) throw this.#failure;
    this.#window.sent(message);
    this.#dataBytes += message.payload.byteLength;
    return { drained: this.#lanes.sendData(message, onTaken) };
  }

  /**
   * The peer has written data that {@link sendData} has sent.
   *
   * @throws {BasynError} `protocol`, where the peer confirms what it cannot have written.
   */
  confirmed(written: Omit<WrittenMessage, 'type'>): void {
    this.#window.confirm(written);
  }

  /**
   * The next message.
   *
   * @throws {BasynError} the channel's failure; the peer's own, where it sent one.
   */
  next(): Promise<Message> {
    return this.#inbox.next();
  }

  /** Ends the conversation with an error: nothing more is sent or received. */
  fail(error: BasynError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#keepAlive?.stop();
    this.#inbox.fail(error);
    this.#pinger.fail(error);
  }

  /** Sends what is queued, then ends all lanes. */
  async end(): Promise<void> {
    this.fail(new BasynError('connection', 'The conversation is over.'));
    await this.#lanes.end();
  }

  /** Ends all lanes at once, and drops what is queued. */
  destroy(): void {
    this.fail(runEnded());
    this.#lanes.destroy();
  }

  #receive(message: Message, frameBytes: number, lane: Lane): void {
    if (this.#failure !== undefined) return;
    const isFirst = lane === this.#lanes.first;
    if (message.type === 'ping') {
      // A peer that does not read the answers gets no more of them: they would only fill the memory.
      if (lane.queuedBytes < bounds.maxPayloadBytes) void lane.send({ type: 'pong' });
    } else if (message.type === 'pong') {
      if (isFirst) this.#pinger.pong();
    } else if (message.type === 'working') {
      this.#keepAlive?.peerWorks();
    } else if (!isFirst && message.type !== 'data') {
      this.fail(new BasynError('protocol', `The peer sent "${message.type}" over a further lane.`));
    } else if (message.type === 'failure') {
      this.fail(peerFailure(message));
    } else if (message.type === 'trace') {
      this.#trace?.(`remote ${message.line}`);
    } else if (message.type === 'flushing') {
      this.#isPeerFlushing = true;
      this.#onFlush?.('theirs');
    } else {
      this.#isPeerFlushing = false;
      if (message.type === 'data') this.#dataBytes += message.payload.byteLength;
      this.#inbox.put(message, frameBytes);
    }
  }
}

function connectionClosed(): BasynError {
  return new BasynError('connection', 'The peer closed the connection.', { retryable: true });
}

/** What the peer reports. It has no other connection than this one, which therefore has failed for it. */
function peerFailure(message: FailureMessage): BasynError {
  return BasynError.fromRecord(message.code === 'connection' ? { ...message, retryable: true } : message);
}
