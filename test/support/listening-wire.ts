import { Transform, type TransformCallback } from 'node:stream';
import { decodeMessage } from '../../src/protocol/decode.ts';
import { FrameDecoder } from '../../src/protocol/frame.ts';
import type { Message } from '../../src/protocol/messages.ts';

/** A stream that reports every message that it carries. */
export class ListeningWire extends Transform {
  readonly #decoder = new FrameDecoder();
  readonly #onMessage: (message: Message) => void;

  constructor(onMessage: (message: Message) => void) {
    super();
    this.#onMessage = onMessage;
  }

  override _transform(bytes: Buffer, _encoding: string, done: TransformCallback): void {
    for (const frame of this.#decoder.push(bytes)) this.#onMessage(decodeMessage(frame));
    done(null, Buffer.from(bytes));
  }
}
