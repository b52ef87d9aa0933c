import type { Extent } from '../digest/extent.ts';
import { bounds } from '../limits.ts';
import type { Channel } from '../link/channel.ts';
import type { ExtentKind } from '../report.ts';

/**
 * Takes what a phase finds out about ranges of the source. See `ExtentFact` for their order.
 *
 * `moving`: what is about to be sent, or has arrived, in any order. It differs, and is not reported as differing before its
 * buffer is settled.
 */
export type FactListener = (kind: ExtentKind | 'moving', extents: readonly Extent[]) => void;

/** Of a source that is the agent: what it finds out is sent to the target, which is the local side. */
export function factsTo(channel: Channel): FactListener {
  return (kind, extents) => {
    // The target knows what is not read and what arrives, and `finish` has what is unreadable.
    if (kind !== 'differing' && kind !== 'zero') return;
    for (let at = 0; at < extents.length; at += bounds.rangesMessageExtents) {
      channel.send({ type: 'ranges', kind, extents: extents.slice(at, at + bounds.rangesMessageExtents) });
    }
  };
}

/** Collects ranges of one kind, which come in ascending order, and hands them on together. Neighbours are joined. */
export class FactBatch {
  readonly #kind: ExtentKind;
  readonly #listener: FactListener;
  #extents: Extent[] = [];

  constructor(kind: ExtentKind, listener: FactListener) {
    this.#kind = kind;
    this.#listener = listener;
  }

  add({ offsetBytes, lengthBytes }: Extent): void {
    const last = this.#extents.at(-1);
    if (last !== undefined && last.offsetBytes + last.lengthBytes === offsetBytes) {
      const joined = { offsetBytes: last.offsetBytes, lengthBytes: last.lengthBytes + lengthBytes };
      this.#extents[this.#extents.length - 1] = joined;
      return;
    }
    if (this.#extents.length === bounds.rangesMessageExtents) this.flush();
    this.#extents.push({ offsetBytes, lengthBytes });
  }

  flush(): void {
    if (this.#extents.length === 0) return;
    this.#listener(this.#kind, this.#extents);
    this.#extents = [];
  }
}
