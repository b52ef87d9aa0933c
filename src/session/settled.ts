import type { Found } from './compare/findings.ts';

/** What a later attempt need not do again. */
export interface Settled {
  /** All buffers below it are settled. */
  readonly doneBuffers: number;
  /** What was found in them in this attempt. */
  readonly found: Found;
}

/** A checkpoint that the target has confirmed. */
export interface Durable extends Settled {
  /** What the target has written and released since the phase began in this attempt. */
  readonly writtenBytes: number;
  readonly releasedBytes: number;
}
