import type * as v from 'valibot';
import type { Encoding } from '../codec/encoding.ts';
import type { Extent } from '../digest/extent.ts';
import type {
  closedSchema,
  failureSchema,
  finishedSchema,
  finishSchema,
  openedSchema,
  openSchema,
  Plan,
} from './schemas.ts';

/** Local → agent, first of all: which device to open, and in which role. Answered by `opened` or `failure`. */
export type OpenMessage = { readonly type: 'open' } & v.InferOutput<typeof openSchema>;

/** Agent → local: the device is open. */
export type OpenedMessage = { readonly type: 'opened' } & v.InferOutput<typeof openedSchema>;

/** Local → agent: a phase begins; what follows belongs to it, until the target's `finished`. */
export type BeginMessage = { readonly type: 'begin' } & Plan;

/**
 * Target → source, in `sync` and `recheck`: digests of whole buffers, one after the other from `firstBuffer`,
 * back to back. Batches may come in any order, none beyond the window.
 */
export interface DigestsMessage {
  readonly type: 'digests';
  readonly firstBuffer: number;
  readonly digests: Uint8Array;
}

/** Source → target: all buffers below `doneBuffers` are settled; the window moves on. */
export interface AdvanceMessage {
  readonly type: 'advance';
  readonly doneBuffers: number;
}

/** Source → target: digest every step of these extents. Answered by the `answer` of the same `id`. */
export interface AskMessage {
  readonly type: 'ask';
  readonly id: number;
  readonly stepBytes: number;
  readonly extents: readonly Extent[];
}

/** Target → source: the digests asked for, in order, back to back. */
export interface AnswerMessage {
  readonly type: 'answer';
  readonly id: number;
  readonly digests: Uint8Array;
}

/** Source → target, on any lane and in any order: bytes for these extents. Each is confirmed by `written`. */
export interface DataMessage {
  readonly type: 'data';
  readonly extents: readonly Extent[];
  readonly encoding: Encoding;
  readonly payload: Uint8Array;
}

/** Target → source: so many device bytes, of so many bytes of payload, have been written (not yet flushed). */
export interface WrittenMessage {
  readonly type: 'written';
  readonly writtenBytes: number;
  readonly payloadBytes: number;
}

/** Source → target: the last data frame of the phase is on its way, and this is what it all came to. */
export type FinishMessage = { readonly type: 'finish' } & v.InferOutput<typeof finishSchema>;

/** Target → source: every announced byte is written and flushed. Ends the phase. */
export type FinishedMessage = { readonly type: 'finished' } & v.InferOutput<typeof finishedSchema>;

/** Either way, at any time: are you alive? Answered by `pong` at once. */
export interface PingMessage {
  readonly type: 'ping';
}

/** Either way, once for every `ping`. */
export interface PongMessage {
  readonly type: 'pong';
}

/** Either way, at any time: the run has failed, and why. The last message of its sender. */
export type FailureMessage = { readonly type: 'failure' } & v.InferOutput<typeof failureSchema>;

/** Local → agent, between phases: no further phase. The agent closes its device, and answers with `closed`. */
export interface ByeMessage {
  readonly type: 'bye';
}

/** Either way, at any time: its sender flushes its device. What follows may take as long as the flush takes. */
export interface FlushingMessage {
  readonly type: 'flushing';
}

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
  | ClosedMessage;

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
};
