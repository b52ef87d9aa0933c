import type * as v from 'valibot';
import type { Encoding } from '../codec/encoding.ts';
import type { Extent } from '../digest/extent.ts';
import type { FrameGroup } from './frame-group.ts';
import type {
  changesSchema,
  checkpointSchema,
  closedSchema,
  durableSchema,
  failureSchema,
  finishedSchema,
  finishSchema,
  keepSchema,
  openedSchema,
  openSchema,
  Plan,
  sinceSchema,
  traceSchema,
} from './schemas.ts';

/** Local → agent, the first message: which device to open, and in which role. Answered by `opened` or `failure`. */
export type OpenMessage = { readonly type: 'open' } & v.InferOutput<typeof openSchema>;

/** Agent → local: the device is open. */
export type OpenedMessage = { readonly type: 'opened' } & v.InferOutput<typeof openedSchema>;

/** Local → agent: a phase begins. All messages until the target's `finished` belong to it. */
export type BeginMessage = { readonly type: 'begin' } & Plan;

/**
 * Local → agent, before `begin`: which buffers the phase examines on the agent's side. Agent → local, after `changes`: which
 * buffers may have changed. Several of these may be needed.
 */
export interface CoverMessage {
  readonly type: 'cover';
  /** First index and number of buffers of one run after the other, in ascending order, with gaps in between. */
  readonly runs: Float64Array;
  /** Whether it is the last one of the list. */
  readonly isLast: boolean;
}

/** Local → agent, between phases: what has changed in the snapshot since the base that the last run has kept? */
export type SinceMessage = { readonly type: 'since' } & v.InferOutput<typeof sinceSchema>;

/** Agent → local, the answer to `since`. Without a `reason`, messages of type `cover` with the buffers follow. */
export type ChangesMessage = { readonly type: 'changes' } & v.InferOutput<typeof changesSchema>;

/** Local → agent, before `bye`: the snapshot is to be kept as the base of the next run. */
export type KeepMessage = { readonly type: 'keep' } & v.InferOutput<typeof keepSchema>;

/**
 * Local → agent, after a `closed` with a `base`: the base is recorded, durably. The agent removes older ones, and answers with
 * another `closed`.
 */
export interface RecordedMessage {
  readonly type: 'recorded';
}

/**
 * Target → source, in `sync` and `recheck`: digests of consecutive buffers from `firstBuffer` on, back to back. Batches may
 * arrive in any order, within the window.
 */
export interface DigestsMessage {
  readonly type: 'digests';
  readonly firstBuffer: number;
  readonly digests: Uint8Array;
}

/** Source → target: all buffers below `doneBuffers` are settled, so the window moves. */
export interface AdvanceMessage {
  readonly type: 'advance';
  readonly doneBuffers: number;
  /** Bytes found to differ in these buffers, if the plan asks for them. */
  readonly differingBytes?: number;
}

/** Source → target: a request to digest every step of these extents. Answered by the `answer` of the same `id`. */
export interface AskMessage {
  readonly type: 'ask';
  readonly id: number;
  readonly stepBytes: number;
  readonly extents: readonly Extent[];
}

/** Target → source: the requested digests, in order, back to back. */
export interface AnswerMessage {
  readonly type: 'answer';
  readonly id: number;
  readonly digests: Uint8Array;
}

/** Source → target, on any lane and in any order: bytes for these extents. The target confirms each with `written`. */
export interface DataMessage {
  readonly type: 'data';
  readonly extents: readonly Extent[];
  readonly encoding: Encoding;
  /** Of the extents and of the device bytes; see frame-digest.ts. */
  readonly digest: Uint8Array;
  readonly payload: Uint8Array;
  /** Which checkpoint covers it. Left out in a phase without checkpoints. */
  readonly group?: FrameGroup;
}

/** Target → source: further device bytes have been written, and the payload that carried them. Not flushed yet. */
export interface WrittenMessage {
  readonly type: 'written';
  readonly writtenBytes: number;
  readonly payloadBytes: number;
  /** What the frames counted in the data window. Left out where that is `writtenBytes`. */
  readonly windowBytes?: number;
}

/** Source → target: all data frames of the phase have been sent. It announces their totals. */
export type FinishMessage = { readonly type: 'finish' } & v.InferOutput<typeof finishSchema>;

/** Target → source: every announced byte is written and flushed. It ends the phase. */
export type FinishedMessage = { readonly type: 'finished' } & v.InferOutput<typeof finishedSchema>;

/** Source → target, now and then: buffers are settled, and a group of data frames is complete. */
export type CheckpointMessage = { readonly type: 'checkpoint' } & v.InferOutput<typeof checkpointSchema>;

/** Target → source, from time to time: what one or more `checkpoint` announced is written and flushed. */
export type DurableMessage = { readonly type: 'durable' } & v.InferOutput<typeof durableSchema>;

/**
 * Source → target, if the plan asks for it: ranges that differ, in ascending order, once their buffers are settled; or holes of the
 * source that are not read.
 */
export interface RangesMessage {
  readonly type: 'ranges';
  readonly kind: RangeKind;
  readonly extents: readonly Extent[];
}

/** By their numbers on the wire. */
export const rangeKinds = ['differing', 'zero'] as const;
export type RangeKind = (typeof rangeKinds)[number];

/** In both directions, at any time: a request for a sign of life. Answered by `pong` at once. */
export interface PingMessage {
  readonly type: 'ping';
}

/** In both directions, once for every `ping`. */
export interface PongMessage {
  readonly type: 'pong';
}

/** In both directions, at any time: the run has failed, and why. The last message of its sender. */
export type FailureMessage = { readonly type: 'failure' } & v.InferOutput<typeof failureSchema>;

/** Local → agent, between phases: there is no further phase. The agent closes its device, and answers with `closed`. */
export interface ByeMessage {
  readonly type: 'bye';
}

/** In both directions, at any time: the sender flushes its device. Its next message may take as long as the flush. */
export interface FlushingMessage {
  readonly type: 'flushing';
}

/** In both directions, periodically: the sender works on its device, or receives. Its next message may take as long. */
export interface WorkingMessage {
  readonly type: 'working';
}

/** Agent → local, at any time, if `open` asked for it: a line of the agent's trace, such as a decision. */
export type TraceMessage = { readonly type: 'trace' } & v.InferOutput<typeof traceSchema>;

/** Agent → local, the answer to `bye`: the device is closed, without an error. The last message of a run that succeeds. */
export type ClosedMessage = { readonly type: 'closed' } & v.InferOutput<typeof closedSchema>;

export type Message =
  | OpenMessage
  | OpenedMessage
  | BeginMessage
  | DigestsMessage
  | AdvanceMessage
  | AskMessage
  | AnswerMessage
  | DataMessage
  | WrittenMessage
  | FinishMessage
  | FinishedMessage
  | PingMessage
  | PongMessage
  | FailureMessage
  | ByeMessage
  | FlushingMessage
  | ClosedMessage
  | TraceMessage
  | WorkingMessage
  | CheckpointMessage
  | DurableMessage
  | CoverMessage
  | SinceMessage
  | ChangesMessage
  | KeepMessage
  | RecordedMessage
  | RangesMessage;

/** The type byte of each message's frame. */
export const typeNumbers: Readonly<Record<Message['type'], number>> = {
  open: 1,
  opened: 2,
  begin: 3,
  digests: 4,
  advance: 5,
  ask: 6,
  answer: 7,
  data: 8,
  written: 9,
  finish: 10,
  finished: 11,
  ping: 12,
  failure: 13,
  bye: 14,
  pong: 15,
  flushing: 16,
  closed: 17,
  working: 18,
  trace: 19,
  checkpoint: 20,
  durable: 21,
  cover: 22,
  since: 23,
  changes: 24,
  keep: 25,
  recorded: 26,
  ranges: 27,
};
