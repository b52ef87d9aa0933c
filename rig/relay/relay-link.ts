import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { Intake, Piece } from './relay-memory.ts';

/** The limits and faults of a link. Omitted properties do not limit it. */
export interface LinkOptions {
  /** Delay of each direction: half of the round-trip time. */
  readonly delayMs?: number | undefined;
  /** Cap of each direction, shared by all connections. */
  readonly bandwidthMbit?: number | undefined;
  /** The link breaks (it resets existing and new connections) after this number of bytes, both directions added. */
  readonly cutAfterBytes?: number | undefined;
  /** The link breaks this long after its first connection. */
  readonly cutAfterMs?: number | undefined;
  /** The link carries nothing more after this number of bytes, but all connections stay open. */
  readonly stallAfterBytes?: number | undefined;
  /** Faults that end the connections of the moment, one after the other. Later connections work until the next one. */
  readonly passingFaults?: readonly PassingFault[] | undefined;
}

/** A fault from which the link recovers at once. */
export interface PassingFault {
  /** `reset`: the connections are reset. `silence`: they stay open and carry nothing more. */
  readonly kind: 'reset' | 'silence';
  /** The bytes that the link carries before it, in both directions added, from the last fault on. */
  readonly afterBytes: number;
}

/** Bytes that the link has passed on: forward is towards the target. */
export interface LinkCounters {
  readonly bytesForward: number;
  readonly bytesBack: number;
}

/** One end of a connection; `source` reads into `intake`. */
export interface End {
  readonly intake: Intake;
  readonly source: Socket;
  readonly sink: Writable;
}

/** Bytes in transit in one direction of a connection without a bandwidth cap. */
const IN_FLIGHT_BYTES_MAX = 256 * 1024 * 1024;
/** How far a capped link may be booked ahead, so that it stays busy when the timers of a loaded machine are late. */
const BACKLOG_MS_MAX = 10;
/** Node's timers use whole milliseconds, so a piece is passed on at the nearest millisecond. */
const TIMER_ERROR_MS = 0.5;
/** A capped wire carries a stream of packets: what is read at once takes about this long, or is this small. */
const PACKET_MS = 1;
const PACKET_BYTES_MIN = 1500;

/** A network link: the state that all its connections share. */
export class Link {
  readonly #options: LinkOptions;
  readonly #forward: Wire;
  readonly #back: Wire;
  readonly #faultAtBytes: number;
  readonly #lanes = new Set<Lane>();
  readonly #passingFaults: PassingFault[];
  #carriedBytes = 0;
  #carriedSinceFaultBytes = 0;
  #connections = 0;
  #state: 'up' | 'cut' | 'stalled' = 'up';

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#passingFaults = [...(options.passingFaults ?? [])];
    this.#forward = new Wire(options);
    this.#back = new Wire(options);
    this.#faultAtBytes = Math.min(options.cutAfterBytes ?? Infinity, options.stallAfterBytes ?? Infinity);
  }

  get stalled(): boolean {
    return this.#state === 'stalled';
  }

  /** The number of bytes to read from a connection at once. */
  get packetBytes(): number {
    return Math.max(PACKET_BYTES_MIN, this.#forward.bytesPerMs * PACKET_MS);
  }

  get counters(): LinkCounters {
    return { bytesForward: this.#forward.carriedBytes, bytesBack: this.#back.carriedBytes };
  }

  /** The number of bytes that may still be passed on before the link fails. */
  get bytesUntilFault(): number {
    const untilPassing = (this.#passingFaults[0]?.afterBytes ?? Infinity) - this.#carriedSinceFaultBytes;
    return Math.min(this.#faultAtBytes - this.#carriedBytes, untilPassing);
  }

  carry(near: End, far: End): void {
    this.#connections += 1;
    if (this.#connections === 1 && this.#options.cutAfterMs !== undefined) {
      setTimeout(() => this.cut(), this.#options.cutAfterMs);
    }
    const lanes = [new Lane(this, this.#forward, near, far.sink), new Lane(this, this.#back, far, near.sink)];
    for (const lane of lanes) this.#lanes.add(lane);
    const forget = (): void => {
      for (const lane of lanes) {
        lane.close();
        this.#lanes.delete(lane);
      }
    };
    for (const stream of new Set([near.source, near.sink, far.source, far.sink])) {
      stream.on('error', forget);
      // A half that has ended in order still lets the other direction finish.
      stream.on('close', () => {
        if (near.source.destroyed && far.source.destroyed) forget();
      });
    }
    if (this.#state === 'cut') this.cut();
  }

  count(wire: Wire, bytes: number): void {
    wire.carriedBytes += bytes;
    this.#carriedBytes += bytes;
    this.#carriedSinceFaultBytes += bytes;
    if (this.bytesUntilFault > 0) return;
    if (this.#carriedBytes < this.#faultAtBytes) this.#passFault();
    else if (this.#carriedBytes === this.#options.stallAfterBytes) this.stall();
    else this.cut();
  }

  #passFault(): void {
    this.#carriedSinceFaultBytes = 0;
    const fault = this.#passingFaults.shift();
    for (const lane of this.#lanes) {
      if (fault?.kind === 'silence') lane.freeze();
      else lane.close();
    }
    this.#lanes.clear();
  }

  cut(): void {
    this.#state = 'cut';
    for (const lane of this.#lanes) lane.close();
    this.#lanes.clear();
  }

  stall(): void {
    if (this.#state === 'up') this.#state = 'stalled';
    for (const lane of this.#lanes) lane.freeze();
  }
}

/** One direction of the link: a clock that gives the arrival time of bytes that are sent now. */
class Wire {
  readonly bytesPerMs: number;
  carriedBytes = 0;
  readonly #delayMs: number;
  readonly #waiting = new Set<Lane>();
  #freeAtMs = 0;

  constructor({ delayMs = 0, bandwidthMbit = Infinity }: LinkOptions) {
    this.#delayMs = delayMs;
    this.bytesPerMs = (bandwidthMbit * 1e6) / 8 / 1000;
  }

  get backlogMs(): number {
    return this.#freeAtMs - performance.now();
  }

  /** Books the link for these bytes, and returns when the last of them arrives. */
  send(bytes: number): number {
    this.#freeAtMs = Math.max(performance.now(), this.#freeAtMs) + bytes / this.bytesPerMs;
    return this.#freeAtMs + this.#delayMs;
  }

  /** Lets the lane continue to read as soon as the backlog has shrunk, together with all other waiting lanes. */
  wakeWhenFree(lane: Lane): void {
    if (this.#waiting.size === 0) setTimeout(() => this.#wake(), this.backlogMs - BACKLOG_MS_MAX / 2);
    this.#waiting.add(lane);
  }

  #wake(): void {
    const lanes = [...this.#waiting];
    this.#waiting.clear();
    for (const lane of lanes) lane.readOrWait();
  }
}

/** One direction of one connection: pieces queued until they have arrived, in order. */
class Lane {
  readonly #link: Link;
  readonly #wire: Wire;
  readonly #source: Socket;
  readonly #sink: Writable;
  readonly #inFlight = new Queue<{ readonly piece: Piece | 'end'; readonly arrivalMs: number }>();
  #inFlightBytes = 0;
  #isFrozen = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(link: Link, wire: Wire, { intake, source }: End, sink: Writable) {
    this.#link = link;
    this.#wire = wire;
    this.#source = source;
    this.#sink = sink;
    intake.onRead = (piece) => this.#accept(piece);
    source.on('end', () => this.#enqueue('end', 0));
    sink.on('drain', () => this.#deliver());
    source.resume();
  }

  /** Continues to read, unless the link, the queue or the receiver is full. */
  readOrWait(): void {
    if (this.#blocked || this.#inFlightBytes >= IN_FLIGHT_BYTES_MAX) {
      this.#source.pause();
    } else if (this.#wire.backlogMs > BACKLOG_MS_MAX) {
      this.#source.pause();
      this.#wire.wakeWhenFree(this);
    } else if (this.#source.isPaused()) {
      this.#source.resume();
    }
  }

  get #blocked(): boolean {
    return this.#isFrozen || this.#link.stalled || this.#sink.writableNeedDrain || this.#sink.destroyed;
  }

  /** Ends both sides at once, as a broken link does: by a reset if the connection supports it. */
  close(): void {
    clearTimeout(this.#timer);
    this.#inFlight.clear();
    for (const stream of [this.#source, this.#sink]) {
      if (stream instanceof Socket && stream.remotePort !== undefined) stream.resetAndDestroy();
      else stream.destroy();
    }
  }

  freeze(): void {
    this.#isFrozen = true;
    clearTimeout(this.#timer);
    this.#source.pause();
  }

  #accept(piece: Piece): void {
    this.#enqueue(piece, piece.bytes.length);
    this.readOrWait();
  }

  #enqueue(piece: Piece | 'end', bytes: number): void {
    this.#inFlight.push({ piece, arrivalMs: this.#wire.send(bytes) });
    this.#inFlightBytes += bytes;
    if (this.#timer === undefined) this.#deliver();
  }

  /** Passes on what has arrived, and schedules the next piece. */
  #deliver(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const nowMs = performance.now();
    this.#sink.cork();
    for (;;) {
      const next = this.#inFlight.first;
      if (next === undefined || this.#blocked) break;
      if (next.arrivalMs > nowMs + TIMER_ERROR_MS) {
        this.#timer = setTimeout(() => this.#deliver(), Math.round(next.arrivalMs - nowMs));
        break;
      }
      this.#inFlight.shift();
      this.#handOn(next.piece);
    }
    this.#sink.uncork();
    this.readOrWait();
  }

  #handOn(piece: Piece | 'end'): void {
    if (piece === 'end') {
      this.#sink.end();
      return;
    }
    this.#inFlightBytes -= piece.bytes.length;
    const { bytesUntilFault } = this.#link;
    const bytes = piece.bytes.subarray(0, Math.min(piece.bytes.length, bytesUntilFault));
    this.#sink.write(bytes, () => piece.release());
    // The last bytes before a fault reach the kernel before the fault occurs.
    if (bytes.length === bytesUntilFault) this.#sink.uncork();
    this.#link.count(this.#wire, bytes.length);
  }
}

/** A first-in, first-out queue whose shift costs the same at any length; an array's doesn't. */
class Queue<Item> {
  #items: (Item | undefined)[] = [];
  #head = 0;

  get first(): Item | undefined {
    return this.#items[this.#head];
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  shift(): void {
    assert(this.#head < this.#items.length);
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
